import { errorText } from "../base/error-text.ts";
import type { Ids, Logger } from "../base/ports.ts";
import type { DocumentStore, UpdateOptions } from "../store/state-store.ts";
import { isSpilled, type Chunk } from "./session-chunk.ts";
import type { SessionRecord } from "./session-record.ts";
import {
  chunksToSpill,
  needsSpill,
  recordIn,
  spillOf,
  withSpills,
  type Spill,
  type StoredHistory,
} from "./session-spill.ts";
import type { SpilledChunks } from "./spilled-chunks.ts";

/** What spilling needs besides the documents. */
export interface SpillerPorts {
  readonly ids: Ids;
  readonly logger: Logger;
  nowMs(): number;
  /** Takes work that no call waits for, and that is finished before the plane closes. */
  aside(work: Promise<void>): void;
}

/**
 * Keeps what is written with every call short: moves what is certain of a history into documents of its own, beside the
 * calls. Whatever fails or comes too late on the way leaves the history in one piece for longer, and nothing else.
 */
export class SessionSpiller {
  readonly #documents: DocumentStore;
  readonly #chunks: SpilledChunks;
  readonly #ports: SpillerPorts;
  readonly #kept: UpdateOptions;
  /** What was written and is worth it. */
  readonly #due = new WeakSet<StoredHistory>();
  readonly #running = new Set<string>();

  /** @param kept How a session is kept. */
  constructor(documents: DocumentStore, chunks: SpilledChunks, ports: SpillerPorts, kept: UpdateOptions) {
    this.#documents = documents;
    this.#chunks = chunks;
    this.#ports = ports;
    this.#kept = kept;
  }

  /** Notes a change that is about to be written. */
  changing(before: SessionRecord, after: SessionRecord, stored: StoredHistory): void {
    if (needsSpill(before, after, this.#ports.nowMs())) this.#due.add(stored);
  }

  /** It was written: spills what can be, aside. */
  written(key: string, stored: StoredHistory | undefined): void {
    if (stored === undefined || !this.#due.has(stored) || this.#running.has(key)) return;
    this.#running.add(key);
    this.#ports.aside(this.#run(key, stored));
  }

  /** Never rejects. */
  async #run(key: string, stored: StoredHistory): Promise<void> {
    // The call that wrote it goes on first.
    await Promise.resolve();
    try {
      await this.#spill(key, stored);
    } catch (error) {
      this.#ports.logger.warn("a session's history could not be split; it is tried again as it grows", {
        error: errorText(error),
      });
    } finally {
      this.#running.delete(key);
    }
  }

  /** The documents first: nothing refers to one that is not there. */
  async #spill(key: string, stored: StoredHistory): Promise<void> {
    const spills = await this.#write(key, recordIn(stored));
    const dropped = "history" in stored ? stored.dropped : [];
    await Promise.all(dropped.map(async (id) => this.#chunks.drop(key, id)));
    if (spills.length === 0 && dropped.length === 0) return;
    const deleted = new Set(dropped);
    const change = (old: StoredHistory | undefined): StoredHistory | undefined =>
      withSpills(old, spills, deleted);
    const now = await this.#documents.update<StoredHistory>(key, change, this.#kept);
    // Not those whose fate is unknown: only what is there says that nothing refers to a document, nor ever will.
    const lost = spills.filter(({ to }) => now === undefined || !isReferredTo(to.id, recordIn(now)));
    await Promise.all(lost.map(async ({ to }) => this.#chunks.drop(key, to.id)));
  }

  async #write(key: string, record: SessionRecord): Promise<readonly Spill[]> {
    const due = chunksToSpill(record, this.#ports.nowMs());
    const spills = await Promise.all(due.map((chunk) => this.#writeOne(key, record, chunk)));
    return spills.filter((spill) => spill !== undefined);
  }

  /** @returns undefined for a chunk that is lost: whoever looks at the history is told of it. */
  async #writeOne(key: string, record: SessionRecord, chunk: Chunk): Promise<Spill | undefined> {
    const { ids, nowMs } = this.#ports;
    const atMs = nowMs();
    const entries = isSpilled(chunk) ? await this.#chunks.entries(key, chunk) : chunk;
    if (entries === undefined) return undefined;
    const spill = spillOf(chunk, record, { id: ids.next("part"), atMs, entries });
    await this.#chunks.write(key, spill.to, entries);
    return spill;
  }
}

function isReferredTo(id: string, { chunks }: SessionRecord): boolean {
  return chunks.some((chunk) => isSpilled(chunk) && chunk.id === id);
}
