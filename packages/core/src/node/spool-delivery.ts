import path from "node:path";

import type { Ports } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { DeliveryCursor, DeliveryCursorFile } from "./delivery-cursor.ts";
import { filesOf, segmentName } from "./segment-files.ts";
import { sendBatch, type DeliveryRequest } from "./send-batch.ts";
import { firstSeq, linesBefore, readLines } from "./spool-lines.ts";

/** What a spool holds back. */
export interface SpoolStatus {
  /** Number of the next line that the service does not have. */
  readonly nextSeq: number;
  /** Why the last request failed; undefined while deliveries work. */
  readonly failure: string | undefined;
}

/** What delivering needs. */
export interface SpoolDeliveryOptions extends Pick<Ports, "timers" | "logger" | "createAbort"> {
  /**
   * Settles when everything taken so far is on the disk; tells the number of the first line that may not be. What was
   * sent without being there would be sent twice, with other content, after the machine lost its power.
   */
  sync(): Promise<number>;
  readonly directory: string;
  readonly files: Pick<AuditFileSystem, "list">;
  readonly cursor: DeliveryCursorFile;
  readonly request: DeliveryRequest;
  readonly maxBatchBytes: number;
  readonly timeoutMs: number;
  readonly retryMs: number;
}

/** Lines that are sent together. */
interface Batch {
  readonly bytes: Buffer;
  readonly key: string;
  readonly after: DeliveryCursor;
}

const MAX_RETRY_MS = 60_000;
/** How long records may wait for company. */
const COMPANY_MS = 200;

/** Sends the lines of a trail in order, from where it was, until the service has them. */
export class SpoolDelivery {
  readonly #options: SpoolDeliveryOptions;
  #cursor: DeliveryCursor;
  #failure: string | undefined;
  #pauseMs = 0;
  /** Never rejects. */
  #running: Promise<void> | undefined;
  /** Something came while it was running. */
  #isWanted = false;
  /** Sent, and not known to have arrived: goes again as it is, under the same key. */
  #unanswered: Batch | undefined;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(options: SpoolDeliveryOptions) {
    this.#options = options;
    this.#cursor = options.cursor.read();
  }

  status(): SpoolStatus {
    return { nextSeq: this.#cursor.seq, failure: this.#failure };
  }

  /** Whether the service has all of a segment. */
  isDelivered(segment: number): boolean {
    return segment < this.#cursor.segment;
  }

  /** Sends what an earlier process has left. */
  start(): void {
    this.wake();
  }

  /** There is something to send; while the service fails it waits for its time. */
  wake(): void {
    if (this.#isStopped) return;
    if (this.#running !== undefined) this.#isWanted = true;
    // What fails is told by the log and the status.
    else if (this.#pauseMs === 0) this.#run().catch(() => undefined);
  }

  /** Something is being written. */
  wakeLater(): void {
    if (this.#isStopped || this.#cancelTimer !== undefined) return;
    if (this.#running === undefined) this.#setTimer(COMPANY_MS);
    else this.#isWanted = true;
  }

  /** Settles when all that was taken so far is delivered; rejects when it cannot be. */
  async drain(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- another may begin when one ends
    while (this.#running !== undefined) await this.#running;
    await this.#run();
  }

  /** Tries once more, and no more after that: what is left waits for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#clearTimer();
    await this.#running;
    if (this.#failure === undefined) await this.#run().catch(() => undefined);
  }

  /** One at a time: two would send out of order. */
  #run(): Promise<void> {
    this.#clearTimer();
    this.#isWanted = false;
    const sent = this.#sendAll().then(
      () => this.#done(),
      (error: unknown) => {
        this.#failed(error);
        throw error;
      },
    );
    this.#running = sent.catch(() => undefined);
    return sent;
  }

  #done(): void {
    this.#running = undefined;
    this.#pauseMs = 0;
    if (this.#failure !== undefined) this.#options.logger.warn("audit records are delivered again", {});
    this.#failure = undefined;
    if (this.#isWanted) this.wake();
  }

  #failed(error: unknown): void {
    const { logger, retryMs, request } = this.#options;
    this.#running = undefined;
    const why = error instanceof Error ? error.message : "unknown";
    // The host alone: an address may hold a password.
    const { host } = new URL(request.url);
    if (this.#failure === undefined)
      logger.error(`audit records cannot be delivered to ${host} (${why}); they wait on disk`, {});
    this.#failure = why;
    this.#pauseMs = Math.min(this.#pauseMs === 0 ? retryMs : this.#pauseMs * 2, MAX_RETRY_MS);
    if (!this.#isStopped) this.#setTimer(this.#pauseMs);
  }

  #setTimer(delayMs: number): void {
    this.#clearTimer();
    this.#cancelTimer = this.#options.timers.set(() => {
      this.#cancelTimer = undefined;
      const paused = this.#pauseMs;
      // The pause is over; a failure makes the next one longer.
      this.#pauseMs = 0;
      this.wake();
      this.#pauseMs = paused;
    }, delayMs);
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  async #sendAll(): Promise<void> {
    const { cursor, sync } = this.#options;
    const end = await sync();
    // oxlint-disable no-await-in-loop -- in order, one batch after the other
    for (;;) {
      const batch = this.#unanswered ?? (await this.#next(end));
      if (batch === undefined) return;
      this.#unanswered = batch;
      await sendBatch(batch.bytes, batch.key, this.#options);
      this.#unanswered = undefined;
      this.#cursor = batch.after;
      // A crash before this line sends the batch again: at least once.
      await cursor.write(batch.after);
    }
  }

  /** The next lines before a number, undefined when there are none. */
  async #next(end: number): Promise<Batch | undefined> {
    const { directory, files, maxBatchBytes } = this.#options;
    const { segments } = filesOf(1, directory, files);
    const { segment, offset, seq } = this.#cursor;
    const name = segmentName({ writer: 1, number: segment });
    if (segments.includes(segment)) {
      const lines = await readLines(path.join(directory, name), offset, maxBatchBytes);
      const batch = linesBefore(end, lines, name);
      if (batch !== undefined) {
        const first = firstSeq(batch.bytes, name);
        if (first !== seq) this.#warnOfGap(seq, first);
        const after = { segment, offset: offset + batch.bytes.length, seq: batch.last.seq + 1 };
        return { bytes: batch.bytes, key: `${first}-${batch.last.hash}`, after };
      }
      if (lines.length > 0) return undefined;
    }
    const next = segments.find((number) => number > segment);
    if (next === undefined) return undefined;
    this.#cursor = { segment: next, offset: 0, seq };
    return this.#next(end);
  }

  /** To stop here would let who took lines away hold back all that follow; the service sees the gap by their numbers. */
  #warnOfGap(wanted: number, found: number): void {
    const { logger, directory } = this.#options;
    const message = `the spool in ${directory} goes on with record ${found} where ${wanted} was to be delivered; verify it`;
    logger.error(message, { directory, wanted, found });
  }
}
