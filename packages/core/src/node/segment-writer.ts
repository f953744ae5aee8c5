import path from "node:path";

import type { Clock } from "../base/ports.ts";
import type { AuditFileSystem, SegmentFile } from "./audit-file-system.ts";
import { segmentName } from "./segment-files.ts";
import type { SegmentSeal } from "./segment-seal.ts";
import type { TrailUpkeep } from "./trail-upkeep.ts";

/** Where a writer goes on and how it writes. */
export interface SegmentWriterOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly writer: number;
  /** Number of the segment to go on with. */
  readonly number: number;
  readonly seal: SegmentSeal;
  readonly upkeep: TrailUpkeep;
  readonly clock: Pick<Clock, "wallMs">;
  /** A segment is ended before a write that would make it longer; one write is never split. */
  readonly maxSegmentBytes: number;
  /** A segment is ended before a write when it is older. */
  readonly maxSegmentMs: number;
}

/** Lines to be written together. */
export interface SegmentLines {
  /** Each ends in a line break. */
  readonly text: string;
  /** Their hashes, in order. */
  readonly hashes: readonly string[];
}

/** Appends to segment files, each write whole or not at all. Its calls must not overlap. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #number: number;
  #file: SegmentFile;
  /** Length of what was written whole. */
  #size: number;
  /** The file may be longer than that: a write failed and could not be taken back yet. */
  #hasRest = false;
  /** What an earlier process wrote may not be on the disk yet. */
  #isSynced = false;
  #begunMs: number;

  constructor(options: SegmentWriterOptions) {
    const { directory, files, number, clock } = options;
    const file = path.join(directory, segmentName(options));
    this.#options = options;
    this.#number = number;
    this.#file = files.openSegment(file);
    this.#size = files.size(file);
    this.#begunMs = clock.wallMs();
    files.syncDirectory(directory);
  }

  /**
   * Appends lines. When it fails, what reached the file is cut off again, now or before the next write.
   * @param isDurable Settle only when they are on the disk.
   */
  async write({ text, hashes }: SegmentLines, isDurable: boolean): Promise<void> {
    await this.#dropRest();
    const bytes = Buffer.from(text);
    if (bytes.length > 0 && this.#size > 0 && this.#isFullFor(bytes.length)) await this.#openNext();
    this.#hasRest = true;
    try {
      await this.#append(bytes);
      this.#isSynced &&= bytes.length === 0;
      if (isDurable) await this.#sync();
    } catch (error) {
      // The system takes bytes back only for lack of space; what fails here is tried again before the next write.
      await this.#dropRest().catch(() => undefined);
      throw error;
    }
    this.#size += bytes.length;
    this.#hasRest = false;
    this.#options.seal.add(hashes);
  }

  /** Seals all that was written. */
  async checkpoint(): Promise<void> {
    if (!this.#options.seal.hasUnsealed) return;
    await this.#dropRest();
    // Whatever a checkpoint says is there must be there after a crash.
    await this.#sync();
    await this.#options.seal.seal();
  }

  /** Settles when ended segments are compressed and removed. */
  upkeepDone(): Promise<void> {
    return this.#options.upkeep.done();
  }

  /** Gives the file back. What was not synced is left to the system. */
  async close(): Promise<void> {
    // A rest that cannot be cut off is a torn line, which the next start sets aside and reports.
    await this.#dropRest().catch(() => undefined);
    await this.#file.close();
    await this.upkeepDone();
  }

  #isFullFor(bytes: number): boolean {
    const { maxSegmentBytes, maxSegmentMs, clock } = this.#options;
    return this.#size + bytes > maxSegmentBytes || clock.wallMs() - this.#begunMs > maxSegmentMs;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      // Each part follows the one before.
      // oxlint-disable-next-line no-await-in-loop
      const taken = await this.#file.append(rest);
      if (taken <= 0) throw new Error("the file takes no more bytes");
      rest = rest.subarray(taken);
    }
  }

  async #sync(): Promise<void> {
    if (this.#isSynced) return;
    await this.#file.sync();
    this.#isSynced = true;
  }

  async #dropRest(): Promise<void> {
    if (!this.#hasRest) return;
    await this.#file.truncate(this.#size);
    this.#hasRest = false;
  }

  async #openNext(): Promise<void> {
    const { directory, files, writer, clock, seal, upkeep } = this.#options;
    // The old segment is whole on the disk before the first line of the next: only the newest can be torn.
    await this.#sync();
    const ended = { writer, number: this.#number };
    const outdated = upkeep.outdated(ended, seal.oldest);
    const removed = outdated.at(-1);
    if (removed !== undefined) seal.oldest = Math.max(seal.oldest, removed.number + 1);
    await seal.seal();
    const next = files.openSegment(path.join(directory, segmentName({ writer, number: ended.number + 1 })));
    try {
      files.syncDirectory(directory);
    } catch (error) {
      await next.close();
      throw error;
    }
    const old = this.#file;
    this.#file = next;
    this.#number += 1;
    this.#size = 0;
    this.#begunMs = clock.wallMs();
    seal.next();
    await old.close();
    upkeep.start(outdated, ended);
  }
}
