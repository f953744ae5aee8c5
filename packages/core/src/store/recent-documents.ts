/** A document as it is kept: its version and its JSON. */
export interface StoredDocument {
  /** Empty for a document that does not exist. */
  readonly version: string;
  readonly json: string | undefined;
}

interface Known extends StoredDocument {
  /** Parsed when it is asked for first. */
  value: { readonly of: unknown } | undefined;
}

const MAX_KNOWN = 500;
/** Of all that is known, in UTF-16 units; a long history is some hundred thousand. */
const MAX_LENGTH = 8_388_608;
const ABSENT: StoredDocument = Object.freeze({ version: "", json: undefined });

/**
 * What this process saw last of some documents: a guess at what is there now. The server compares versions, so a wrong
 * guess costs no more than reading first would have.
 */
export class RecentDocuments {
  readonly #known = new Map<string, Known>();
  #length = 0;

  /** What is probably there; what was never seen here is probably new. */
  guess(key: string): StoredDocument {
    return this.#known.get(key) ?? ABSENT;
  }

  /** The same, parsed: the same object for as long as nothing else was seen. */
  value(key: string): unknown {
    const known = this.#known.get(key);
    if (known?.json === undefined) return undefined;
    known.value ??= { of: JSON.parse(known.json) };
    return known.value.of;
  }

  /** @param of Its value, where somebody has it already. */
  note(key: string, { version, json }: StoredDocument, value?: { readonly of: unknown }): void {
    this.#forget(key);
    if (json === undefined || json.length > MAX_LENGTH) return;
    this.#known.set(key, { version, json, value });
    this.#length += json.length;
    while (this.#known.size > MAX_KNOWN || this.#length > MAX_LENGTH) {
      const [oldest = key] = this.#known.keys();
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#length -= this.#known.get(key)?.json?.length ?? 0;
    this.#known.delete(key);
  }
}
