/** A document as it is kept: its version and its JSON. */
export interface StoredDocument {
  /** Empty for a document that does not exist. */
  readonly version: string;
  readonly json: string | undefined;
}

const MAX_KNOWN = 500;
const MAX_LENGTH = 65_536;
const ABSENT: StoredDocument = Object.freeze({ version: "", json: undefined });

/**
 * What this process saw last of some documents: a guess at what is there now. The server compares versions, so a wrong
 * guess costs no more than reading first would have.
 */
export class RecentDocuments {
  readonly #known = new Map<string, StoredDocument>();

  /** What is probably there; what was never seen here is probably new. */
  guess(key: string): StoredDocument {
    return this.#known.get(key) ?? ABSENT;
  }

  note(key: string, stored: StoredDocument): void {
    this.#known.delete(key);
    if (stored.json === undefined || stored.json.length > MAX_LENGTH) return;
    this.#known.set(key, stored);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
