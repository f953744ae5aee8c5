import path from "node:path";

import type { AuditFileSystem, SegmentFile } from "./audit-file-system.ts";
import { segmentName } from "./segment-files.ts";

/** Where a writer goes on and how it writes. */
export interface SegmentWriterOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  /** Number of the segment to go on with. */
  readonly segment: number;
  /** A segment is ended before a write that would make it longer; one write is never split. */
  readonly maxSegmentBytes: number;
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
  #isSynced = true;

  constructor(options: SegmentWriterOptions) {
    const { directory, files, segment } = options;
    const file = path.join(directory, segmentName(segment));
    this.#options = options;
    this.#number = segment;
    this.#file = files.openSegment(file);
    this.#size = files.size(file);
    files.syncDirectory(directory);
  }

  /**
   * Appends a text. When it fails, what reached the file is cut off again, now or before the next write.
   * @param isDurable Settle only when it is on the disk.
   */
  async write(text: string, isDurable: boolean): Promise<void> {
    await this.#dropRest();
    const bytes = new TextEncoder().encode(text);
    const isFull = this.#size + bytes.length > this.#options.maxSegmentBytes;
    if (bytes.length > 0 && this.#size > 0 && isFull) await this.#openNext();
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
  }

  /** Gives the file back. What was not synced is left to the system. */
  async close(): Promise<void> {
    // A rest that cannot be cut off is a torn line, which the next start sets aside and reports.
    await this.#dropRest().catch(() => undefined);
    await this.#file.close();
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
    const { directory, files } = this.#options;
    // The old segment is whole on the disk before the first line of the next: only the newest can be torn.
    await this.#sync();
    const next = files.openSegment(path.join(directory, segmentName(this.#number + 1)));
    const old = this.#file;
    this.#file = next;
    this.#number += 1;
    this.#size = 0;
    files.syncDirectory(directory);
    await old.close();
  }
}
