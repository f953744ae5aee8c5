import { setImmediate } from "node:timers/promises";

import { AuditGap } from "../audit/audit-gap.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import { storedLine, type Chain, type ChainPosition } from "../audit/chain.ts";
import { recordText } from "../audit/record-text.ts";
import type { Clock, Logger, Timers } from "../base/ports.ts";
import { CommitBatch, type CommitGroup, type PendingLine } from "./commit-batch.ts";
import { commitFailure, failureCode, tooMuchWaiting } from "./commit-failure.ts";
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
  /** Above this many no record is taken. */
  readonly maxWaitingChars: number;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** With fewer lines the processor is done before the disk has begun. */
const EARLY_LINES = 64;
/** A slower disk would lose more by two groups for the lines of one than is won beside it. */
const QUICK_MS = 2;

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
  /** The next group is about to be begun. */
  #isGathering = false;
  /** It was begun while it was gathered. */
  #early: CommitGroup | undefined;
  /** How long the latest group took. */
  #latestMs = 0;
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
    const { maxBufferedChars, maxWaitingChars, bufferMs, retryMs } = this.#options;
    const pending = this.#pending;
    if (pending.chars > maxWaitingChars) return this.#refuse();
    const isAwaited = mode === "durable" || pending.chars > maxBufferedChars;
    pending.push(this.#link(recordText(record), isAwaited));
    if (!isAwaited) {
      this.#startLater(this.#isFailing ? retryMs : bufferMs);
      return undefined;
    }
    pending.isDurable ||= mode === "durable";
    const done = pending.done();
    this.#start();
    if (this.#isGathering && this.#early === undefined && this.#isEarly(pending)) this.#early = this.#begin();
    return done;
  }

  async #refuse(): Promise<never> {
    const error = tooMuchWaiting(this.#options.directory);
    if (!this.#gap.isOpen) this.#options.logger.error(error.message, error.data);
    this.#gap.add(1, failureCode(error));
    throw error;
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
    let group = await this.#gathered();
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- groups follow each other
      const failure = await group.written;
      let next: CommitGroup | undefined;
      if (failure === undefined) {
        this.#keep(group);
        // Begun before this group's callers are told: they write their next records while the disk is at work.
        if (!group.batch.isToBeSealed && this.#isEarly(this.#pending)) next = this.#begin();
        group.batch.settle();
        // oxlint-disable-next-line no-await-in-loop
        if (group.batch.isToBeSealed) await this.#seal(group.batch);
      } else this.#giveUp(group, failure.error);
      if (next === undefined && !this.#pending.isAwaited) break;
      // oxlint-disable-next-line no-await-in-loop
      group = next ?? (await this.#gathered());
    }
    this.#isRunning = false;
    if (this.#gap.isOpen || !this.#pending.isEmpty)
      this.#startLater(this.#isFailing ? this.#options.retryMs : this.#options.bufferMs);
  }

  /** Callers that were just answered append again before this: one group instead of many. */
  async #gathered(): Promise<CommitGroup> {
    this.#isGathering = true;
    await setImmediate();
    this.#isGathering = false;
    const group = this.#early ?? this.#begin();
    this.#early = undefined;
    return group;
  }

  /**
   * Whether the disk should begin although more may come: where it is quick, more time is won by letting it work beside the
   * processor than by a larger group.
   */
  #isEarly({ lines }: CommitBatch): boolean {
    return lines.length >= EARLY_LINES && this.#latestMs < QUICK_MS;
  }

  /** Hands what is pending to the disk, in this very turn. */
  #begin(): CommitGroup {
    const { writer, fsync, chain, clock } = this.#options;
    const batch = this.#pending;
    const gap = this.#gap.record();
    // Chained before anything that arrives while this group is written.
    if (gap !== undefined) batch.push(this.#link(recordText(gap), true));
    const end = chain.position;
    this.#pending = new CommitBatch();
    const begunMs = clock.elapsedMs();
    const took = (): undefined => void (this.#latestMs = clock.elapsedMs() - begunMs);
    const written = writer.write(batch.written(), fsync && batch.isDurable);
    return { batch, gap, end, written: written.then(took, (error: unknown) => ({ error })) };
  }

  #keep({ batch, gap, end }: CommitGroup): void {
    this.#committed = end;
    if (gap !== undefined) this.#gap.close(Number(gap.data?.["records"]));
    if (this.#isFailing) this.#options.logger.warn("the audit trail is written again", { lost: gap?.data });
    this.#isFailing = false;
    if (!batch.isToBeSealed && batch.lines.length > 0) this.#checkpointLater();
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
  #giveUp({ batch, gap }: CommitGroup, cause: unknown): void {
    const { chain, directory, logger } = this.#options;
    const kept = batch.lines.filter(({ isAwaited }) => !isAwaited);
    this.#gap.add(batch.lines.length - kept.length - (gap === undefined ? 0 : 1), failureCode(cause));
    chain.rewind(this.#committed);
    const lines = [...kept, ...this.#pending.lines];
    this.#pending.clear();
    for (const { record, isAwaited } of lines) this.#pending.push(this.#link(record, isAwaited));
    const error = commitFailure(directory, cause);
    if (!this.#isFailing) logger.error(error.message, error.data);
    this.#isFailing = true;
    batch.settle(error);
  }
}
