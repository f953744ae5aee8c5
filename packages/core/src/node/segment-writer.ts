import path from "node:path";

import type { ChainPosition } from "../audit/chain.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Clock, Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { segmentName } from "./segment-files.ts";
import type { SegmentSeal } from "./segment-seal.ts";
import { SegmentTail, type SegmentLines } from "./segment-tail.ts";
import type { TrailUpkeep } from "./trail-upkeep.ts";

/** Where a writer goes on and how it writes. */
export interface SegmentWriterOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly writer: number;
  /** Number of the segment to go on with. */
  readonly number: number;
  /** The place after the lines that it holds. */
  readonly end: ChainPosition;
  /** It holds lines that no checkpoint seals; what tells of them stands in the same segment. */
  readonly hasTakenOver: boolean;
  readonly seal: SegmentSeal;
  readonly upkeep: TrailUpkeep;
  /** Throws when another process writes in this one's place. */
  confirm(): void;
  readonly clock: Pick<Clock, "elapsedMs">;
  readonly hash: Pick<Hash, "sha256">;
  /** A segment is ended before a write that would make it longer; one write is never split. */
  readonly maxSegmentBytes: number;
  /** A segment is ended before a write when it is older. */
  readonly maxSegmentMs: number;
}

/** Appends to segment files, each write whole or not at all. Its calls must not overlap. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #number: number;
  #tail: SegmentTail;
  #end: ChainPosition;
  /** Not to be ended yet: sealed before that is told, lines that were taken over would look like any other. */
  #isHeld: boolean;
  #begunMs: number;

  constructor(options: SegmentWriterOptions) {
    const { directory, files, number, clock, end, hasTakenOver } = options;
    this.#options = options;
    this.#number = number;
    this.#end = end;
    this.#isHeld = hasTakenOver;
    this.#tail = this.#open(number);
    this.#begunMs = clock.elapsedMs();
    files.syncDirectory(directory);
  }

  /**
   * Appends lines. When it fails, what reached the file is cut off again, now or before the next write.
   * @param isDurable Settle only when they are on the disk.
   */
  async write({ text, hashes }: SegmentLines, isDurable: boolean): Promise<void> {
    const { seal } = this.#options;
    this.#options.confirm();
    const bytes = Buffer.from(text);
    // Nothing is awaited that is not needed: the disk is to begin before who calls goes on.
    if (bytes.length > 0) {
      if (!this.#tail.isWhole) await this.#tail.restore();
      if (this.#tail.size > 0 && !this.#isHeld && this.#isFullFor(bytes.length)) await this.#openNext();
      if (!seal.hasBegun) await seal.begin();
    }
    await this.#tail.write(bytes, hashes, isDurable);
    // Stood still meanwhile, it has written where nobody looks any more.
    this.#options.confirm();
    this.#end = { seq: this.#end.seq + hashes.length, prev: hashes.at(-1) ?? this.#end.prev };
    this.#isHeld &&= bytes.length === 0;
    seal.add(hashes, bytes.length);
  }

  /** Seals all that was written. */
  async checkpoint(): Promise<void> {
    if (!this.#options.seal.hasUnsealed) return;
    this.#options.confirm();
    // Whatever a checkpoint says is there must be there after a crash.
    await this.#tail.sync();
    await this.#options.seal.seal();
  }

  /** Settles when ended segments are compressed and removed, and begins no more of that. */
  endUpkeep(): Promise<void> {
    return this.#options.upkeep.end();
  }

  /** Gives the file back. What was not synced is left to the system. */
  async close(): Promise<void> {
    await this.#tail.close();
    await this.endUpkeep();
  }

  #isFullFor(bytes: number): boolean {
    const { maxSegmentBytes, maxSegmentMs, clock } = this.#options;
    return this.#tail.size + bytes > maxSegmentBytes || clock.elapsedMs() - this.#begunMs > maxSegmentMs;
  }

  #open(number: number): SegmentTail {
    const { directory, files, writer, hash } = this.#options;
    const name = segmentName({ writer, number });
    return new SegmentTail({ path: path.join(directory, name), files, hash, end: this.#end });
  }

  async #openNext(): Promise<void> {
    const { directory, files, writer, clock, seal, upkeep } = this.#options;
    // The old segment is whole on the disk before the first line of the next: only the newest can be torn.
    await this.#tail.sync();
    await seal.seal();
    const next = this.#open(this.#number + 1);
    try {
      // Left empty by an attempt that failed; lines of somebody else would be taken for ours.
      if (next.size > 0) throw notEmpty(segmentName({ writer, number: this.#number + 1 }));
      files.syncDirectory(directory);
    } catch (error) {
      await next.close();
      throw error;
    }
    const [old, ended] = [this.#tail, { writer, number: this.#number }];
    this.#tail = next;
    this.#number += 1;
    this.#begunMs = clock.elapsedMs();
    seal.next();
    await old.close();
    upkeep.start(ended);
  }
}

function notEmpty(segment: string): AgentplaneError {
  const message = `${segment} is not empty before its first line; look who wrote it, and move it away`;
  return new AgentplaneError("audit_corrupt", message, { data: { segment } });
}
