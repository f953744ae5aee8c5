import { basename } from "node:path";

import type { ChainPosition } from "../audit/chain.ts";
import { verifyLines } from "../audit/verify.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem, SegmentFile } from "./audit-file-system.ts";
import { hasCode } from "./system-error.ts";

/** Lines to be written together. */
export interface SegmentLines {
  /** Each ends in a line break. */
  readonly text: string;
  /** Their hashes, in order. */
  readonly hashes: readonly string[];
}

/** Which file, and what it holds already. */
export interface SegmentTailOptions {
  readonly path: string;
  readonly files: AuditFileSystem;
  readonly hash: Pick<Hash, "sha256">;
  /** The place after the lines that it holds. */
  readonly end: ChainPosition;
}

/**
 * The end of one segment file: each write is whole or not at all. After a sync that failed the system may call clean
 * what never reached the disk, and answer the next sync with success (https://lwn.net/Articles/752063): everything since
 * the last sync that succeeded is then written again before anything else.
 */
export class SegmentTail {
  readonly #options: SegmentTailOptions;
  readonly #file: SegmentFile;
  /** Length of what was written whole, and the place after it. */
  #size: number;
  #end: ChainPosition;
  /** The same of what the last good sync covered, or an earlier process has left. */
  #synced: { readonly size: number; readonly end: ChainPosition };
  /** What an earlier process wrote may not be on the disk yet. */
  #isSynced = false;
  /** The file may be longer than what was written whole: a write failed and could not be taken back yet. */
  #hasRest = false;
  /** A sync failed, and what it was to cover was not written again yet. */
  #isDoubtful = false;
  /** That, while the file may lack it. */
  #again: Uint8Array | undefined;

  constructor(options: SegmentTailOptions) {
    const { path, files, end } = options;
    this.#options = options;
    this.#file = files.openSegment(path);
    this.#size = files.size(path);
    this.#end = end;
    this.#synced = { size: this.#size, end };
  }

  /** Length of what was written whole, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Nothing is left of a write or sync that failed. */
  get isWhole(): boolean {
    return !this.#isDoubtful && !this.#hasRest;
  }

  /**
   * Appends lines. When it fails, what reached the file is cut off again, now or before the next write.
   * @param bytes The text of the lines.
   * @param isDurable Settle only when they are on the disk.
   * @throws AgentplaneError `audit_failed` (rejects) when the file is not what was written any more
   */
  async write(bytes: Uint8Array, hashes: readonly string[], isDurable: boolean): Promise<void> {
    if (!this.isWhole) await this.restore();
    if (bytes.length > 0) this.#confirm();
    this.#hasRest = true;
    try {
      await this.#append(bytes);
      this.#isSynced &&= bytes.length === 0;
      const after = {
        size: this.#size + bytes.length,
        end: { seq: this.#end.seq + hashes.length, prev: hashes.at(-1) ?? this.#end.prev },
      };
      if (isDurable) await this.#sync(after);
      this.#size = after.size;
      this.#end = after.end;
      this.#hasRest = false;
    } catch (error) {
      // The system takes bytes back only for lack of space; what fails here is tried again before the next write.
      await this.restore().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Settles when everything written is on the disk.
   * @throws AgentplaneError `audit_failed` (rejects) when it is not in the file any more
   */
  async sync(): Promise<void> {
    await this.restore();
    this.#confirm();
    await this.#sync({ size: this.#size, end: this.#end });
  }

  /** Cuts off what was not written whole, and writes again what a failed sync may have lost. */
  async restore(): Promise<void> {
    if (this.#isDoubtful) {
      this.#again ??= this.#readAgain();
      await this.#file.truncate(this.#synced.size);
      await this.#append(this.#again);
      this.#again = undefined;
      this.#isDoubtful = false;
      this.#hasRest = false;
    }
    if (!this.#hasRest) return;
    await this.#file.truncate(this.#size);
    this.#hasRest = false;
  }

  /** Gives the file back. What was not synced is left to the system. */
  async close(): Promise<void> {
    // A rest that cannot be cut off is a torn line, which the next start sets aside and reports.
    await this.restore().catch(() => undefined);
    await this.#file.close();
  }

  async #sync(after: { readonly size: number; readonly end: ChainPosition }): Promise<void> {
    if (this.#isSynced) return;
    try {
      await this.#file.sync();
    } catch (error) {
      this.#isDoubtful = true;
      throw error;
    }
    this.#isSynced = true;
    this.#synced = after;
  }

  /** What is open may have been moved away or cut by a tool that rotates logs, or be written under another name. */
  #confirm(): void {
    const { files, path } = this.#options;
    let found: number | undefined;
    try {
      found = files.size(path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
    if (found === this.#size) return;
    const is = found === undefined ? "is gone" : `has ${found} bytes instead of ${this.#size}`;
    const message = `${basename(path)} ${is} while it is written; let nothing else move, cut or write it, and put it back`;
    throw new AgentplaneError("audit_failed", message, { data: { path } });
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

  /** From the file, because nothing is kept in memory for a case so rare; what was lost there cannot be written again. */
  #readAgain(): Uint8Array {
    const { files, path, hash } = this.#options;
    const { size, end } = this.#synced;
    const bytes = files.read(path).subarray(size, this.#size);
    const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
    const report = verifyLines(lines, hash, { start: end, end: this.#end });
    if (report.ok) return bytes.slice();
    throw new Error("the disk has lost lines that were written; start the process again");
  }
}
