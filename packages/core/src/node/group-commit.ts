import { setImmediate } from "node:timers/promises";

import { AuditGap } from "../audit/audit-gap.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import { storedLine, type Chain, type ChainPosition } from "../audit/chain.ts";
import { recordText } from "../audit/record-text.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Clock, Logger, Timers } from "../base/ports.ts";
import { CommitBatch, type PendingLine } from "./commit-batch.ts";
import type { SegmentLines } from "./segment-tail.ts";
import type { SegmentWriter } from "./segment-writer.ts";

/** What writing in groups needs. */
export interface GroupCommitOptions {
  readonly directory: string;
  readonly chain: Chain;
  readonly writer: SegmentWriter;
  /** Durable means on the disk; false: handed to the system. */
  readonly fsync: boolean;
  /** How long a buffered record may wait for company. */
  readonly bufferMs: number;
  /** When to try again what could not be written and nobody waits for. */
  readonly retryMs: number;
  /** A checkpoint seals lines at the latest so long after they were written. */
  readonly checkpointMs: number;
  /** Above this many characters in memory, buffered records wait for the disk like durable ones. */
  readonly maxBufferedChars: number;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes records in groups: everything that arrives while one group is written goes into the next, one write and one
 * fdatasync for all of them. Lines are chained as they arrive; when a group is lost, what follows is chained anew.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #gap: AuditGap;
  #pending = new CommitBatch();
  #isRunning = false;
  #isFailing = false;
  #isStopped = false;
  #cancelTimer: (() => void) | undefined;
  #cancelCheckpoint: (() => void) | undefined;
  /** The place after the last line that was written. */
  #committed: ChainPosition;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#committed = options.chain.position;
    this.#gap = new AuditGap(options.clock);
  }

  /** The place after the last line that was written and will not be taken back. */
  get committed(): ChainPosition {
    return this.#committed;
  }

  /** Takes a record; the promise, if any, settles when it is written, or rejects when it is lost. */
  append(record: AuditRecord, mode: "durable" | "buffered"): Promise<void> | undefined {
    const { maxBufferedChars, bufferMs, retryMs } = this.#options;
    const pending = this.#pending;
    const isAwaited = mode === "durable" || pending.chars > maxBufferedChars;
    pending.push(this.#link(recordText(record), isAwaited));
    if (!isAwaited) {
      this.#startLater(this.#isFailing ? retryMs : bufferMs);
      return undefined;
    }
    pending.isDurable ||= mode === "durable";
    const done = pending.done();
    this.#start();
    return done;
  }

  /** Settles when everything taken so far is on the disk. */
  flush(): Promise<void> {
    const pending = this.#pending;
    pending.isDurable = true;
    const done = pending.done();
    this.#start();
    return done;
  }

  /** Settles when everything taken so far is on the disk and sealed by a checkpoint. */
  checkpoint(): Promise<void> {
    const pending = this.#pending;
    pending.isDurable = true;
    const sealed = pending.sealed();
    this.#start();
    return sealed;
  }

  /** Tries no more by itself; what was not flushed stays unwritten. */
  stop(): void {
    this.#isStopped = true;
    this.#clearTimer();
    this.#cancelCheckpoint?.();
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #link(record: string, isAwaited: boolean): PendingLine {
    const line = this.#options.chain.nextText(record);
    return { record, line: storedLine(line), hash: line.hash, isAwaited };
  }

  #startLater(delayMs: number): void {
    if (this.#isRunning || this.#isStopped || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#options.timers.set(() => {
      this.#cancelTimer = undefined;
      this.#start();
    }, delayMs);
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#clearTimer();
    this.#isRunning = true;
    void this.#run();
  }

  /** Never rejects: a failure goes to those who wait, and to the log. */
  async #run(): Promise<void> {
    do {
      // Callers that were just answered append again before this: one group instead of many.
      // oxlint-disable-next-line no-await-in-loop
      await setImmediate();
      // oxlint-disable-next-line no-await-in-loop
      await this.#commit();
    } while (this.#pending.isAwaited);
    this.#isRunning = false;
    if (this.#isFailing && (this.#gap.isOpen || !this.#pending.isEmpty))
      this.#startLater(this.#options.retryMs);
    else if (!this.#pending.isEmpty) this.#startLater(this.#options.bufferMs);
  }

  async #commit(): Promise<void> {
    const { writer, fsync, chain } = this.#options;
    const batch = this.#pending;
    const gap = this.#gap.record();
    // Chained before anything that arrives while this group is written.
    if (gap !== undefined) batch.push(this.#link(recordText(gap), true));
    const end = chain.position;
    this.#pending = new CommitBatch();
    try {
      await writer.write(linesOf(batch), fsync && batch.isDurable);
    } catch (error) {
      this.#giveUp(batch, error, gap === undefined ? 0 : 1);
      return;
    }
    this.#committed = end;
    if (gap !== undefined) this.#gap.close();
    if (this.#isFailing) this.#options.logger.warn("the audit trail is written again", { lost: gap?.data });
    this.#isFailing = false;
    batch.settle();
    if (batch.isToBeSealed) await this.#seal(batch);
    else if (batch.lines.length > 0) this.#checkpointLater();
  }

  /** What was written stays written when it cannot be sealed; only those who wait for the checkpoint are told. */
  async #seal(batch: CommitBatch): Promise<void> {
    this.#cancelCheckpoint?.();
    this.#cancelCheckpoint = undefined;
    try {
      await this.#options.writer.checkpoint();
      batch.settleSeal();
    } catch (error) {
      batch.settleSeal(error);
    }
  }

  #checkpointLater(): void {
    const { timers, checkpointMs, logger } = this.#options;
    if (this.#isStopped) return;
    this.#cancelCheckpoint ??= timers.set(() => {
      this.#cancelCheckpoint = undefined;
      // Tried again after the next lines; who waits for a write is told of a disk that fails.
      this.checkpoint().catch((error: unknown) =>
        logger.error("the audit trail could not be sealed", { error }),
      );
    }, checkpointMs);
  }

  /** A group is lost: who waits is told, what nobody waits for is kept, and everything later is chained anew. */
  #giveUp(batch: CommitBatch, cause: unknown, gapLines: number): void {
    const { chain, directory, logger } = this.#options;
    const code = systemCode(cause);
    const kept = batch.lines.filter(({ isAwaited }) => !isAwaited);
    this.#gap.add(batch.lines.length - kept.length - gapLines, code);
    chain.rewind(this.#committed);
    const lines = [...kept, ...this.#pending.lines];
    this.#pending.clear();
    for (const { record, isAwaited } of lines) this.#pending.push(this.#link(record, isAwaited));
    const advice = "make room or restore access, writing goes on by itself";
    const hint = cause instanceof AgentplaneError ? cause.message : advice;
    const message = `audit records could not be written to ${directory} (${code}); ${hint}`;
    const error = new AgentplaneError("audit_failed", message, { data: { directory, code }, cause });
    if (!this.#isFailing) logger.error(message, { directory, code });
    this.#isFailing = true;
    batch.settle(error);
  }
}

function linesOf({ lines }: CommitBatch): SegmentLines {
  let text = "";
  for (const { line } of lines) text += `${line}\n`;
  return { text, hashes: lines.map(({ hash }) => hash) };
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
