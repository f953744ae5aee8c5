import { AgentplaneError } from "../base/errors.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { SessionEntry } from "../rules/session-view.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { entriesOf, isSpilled, type SpilledChunk } from "./session-chunk.ts";
import type { SessionRecord, WholeRecord } from "./session-record.ts";
import { SPILLED_TTL_MS } from "./session-spill.ts";

type Entries = readonly SessionEntry[];

/** Of all chunks that are known; a long history is a thousand. */
const MAX_KNOWN_ENTRIES = 32_768;

/** The documents of spilled chunks: each is written once, so what this process has seen of one is what is there. */
export class SpilledChunks {
  /** Whether rules of this process look at histories: then what it writes itself is known, too. */
  hasReaders = false;
  readonly #documents: DocumentStore;
  readonly #known = new Map<string, Entries>();
  #size = 0;

  constructor(documents: DocumentStore) {
    this.#documents = documents;
  }

  /**
   * All entries of a history.
   * @param key The session's.
   * @returns The name of a chunk instead that is not there.
   */
  whole(key: string, record: SessionRecord): MaybePromise<WholeRecord | string> {
    return andThen(this.#all(key, record), (found) => {
      const chunks: Entries[] = [];
      for (const chunk of record.chunks) {
        if (isSpilled(chunk)) {
          const written = found.get(chunk.id);
          if (written === undefined) return chunk.id;
          chunks.push(entriesOf(chunk, written));
        } else {
          chunks.push(chunk);
        }
      }
      return { ...record, chunks };
    });
  }

  /** The entries of one chunk as they are now; undefined when its document is not there. */
  entries(key: string, chunk: SpilledChunk): MaybePromise<Entries | undefined> {
    return andThen(this.#written(key, chunk), (written) => written && entriesOf(chunk, written));
  }

  /**
   * Writes a new chunk's document.
   * @throws AgentplaneError `state_failed` when there is one of that name: it is not overwritten
   */
  write(key: string, { id }: SpilledChunk, entries: Entries): MaybePromise<void> {
    const name = documentOf(key, id);
    const unlessThere = (old: Entries | undefined): Entries => old ?? entries;
    const written = this.#documents.update<Entries>(name, unlessThere, { ttlMs: SPILLED_TTL_MS });
    return andThen(written, (there) => {
      if (there !== entries)
        throw new AgentplaneError("state_failed", `a part of a session's history named "${id}" is there`);
      if (this.hasReaders) this.#note(name, entries);
    });
  }

  /** Deletes a document that nothing refers to. */
  drop(key: string, id: string): MaybePromise<void> {
    const name = documentOf(key, id);
    this.#forget(name);
    return andThen(
      this.#documents.update<Entries>(name, () => undefined),
      () => undefined,
    );
  }

  #all(key: string, { chunks }: SessionRecord): MaybePromise<ReadonlyMap<string, Entries>> {
    const found = new Map<string, Entries>();
    const pending: Promise<void>[] = [];
    for (const chunk of chunks.filter(isSpilled)) {
      const noted = andThen(this.#written(key, chunk), (entries) => {
        if (entries !== undefined) found.set(chunk.id, entries);
      });
      if (isThenable(noted)) pending.push(noted);
    }
    return pending.length === 0 ? found : Promise.all(pending).then(() => found);
  }

  #written(key: string, { id, size }: SpilledChunk): MaybePromise<Entries | undefined> {
    const name = documentOf(key, id);
    const known = this.#known.get(name);
    if (known !== undefined) {
      // The ones that are used stay.
      this.#known.delete(name);
      this.#known.set(name, known);
      return known;
    }
    return andThen(this.#documents.read<Entries>(name), (entries) => {
      if (!Array.isArray(entries) || entries.length !== size) return undefined;
      this.#note(name, entries);
      return entries;
    });
  }

  #note(name: string, entries: Entries): void {
    this.#forget(name);
    this.#known.set(name, entries);
    this.#size += entries.length;
    while (this.#size > MAX_KNOWN_ENTRIES) {
      const [oldest = name] = this.#known.keys();
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#size -= this.#known.get(name)?.length ?? 0;
    this.#known.delete(name);
  }
}

/** Behind the session's key, which is a tuple that ends there: no other session's key reads so. */
function documentOf(key: string, id: string): string {
  return `${key}+${id}`;
}
