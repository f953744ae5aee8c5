import { open } from "node:fs/promises";
import path from "node:path";

import type { ChainedLine } from "../audit/audit-record.ts";
import { readStoredLine } from "../audit/chain.ts";
import { AgentplaneError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { Ports } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { filesOf, segmentName } from "./segment-files.ts";
import { sendBatch, type DeliveryRequest } from "./send-batch.ts";

/** What a spool holds back. */
export interface SpoolStatus {
  /** Number of the next line that the service does not have. */
  readonly nextSeq: number;
  /** Why the last request failed; undefined while deliveries work. */
  readonly failure: string | undefined;
}

/** What delivering needs. */
export interface SpoolDeliveryOptions extends Pick<Ports, "timers" | "logger" | "createAbort"> {
  readonly directory: string;
  readonly files: AuditFileSystem;
  /** Lines from this number on are being written and may be taken back. */
  writtenSeq(): number;
  readonly request: DeliveryRequest;
  /** Remembers across restarts what was delivered. */
  readonly cursorFile: string;
  readonly maxBatchBytes: number;
  readonly timeoutMs: number;
  readonly retryMs: number;
}

/** The first byte that was not delivered. */
interface Cursor {
  readonly segment: number;
  readonly offset: number;
  readonly seq: number;
}

const MAX_RETRY_MS = 60_000;
/** How long records may wait for company. */
const COMPANY_MS = 200;
const LINE_BREAK = 10;

/** Sends the lines of a trail in order, from where it was, until the service has them. */
export class SpoolDelivery {
  readonly #options: SpoolDeliveryOptions;
  #cursor: Cursor;
  #failure: string | undefined;
  #pauseMs = 0;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(options: SpoolDeliveryOptions) {
    this.#options = options;
    this.#cursor = readCursor(options);
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
    if (this.#isStopped || this.#running !== undefined || this.#pauseMs > 0) return;
    this.#clearTimer();
    this.#running = this.#sendAll().then(
      () => this.#done(),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Something is being written. */
  wakeLater(): void {
    if (this.#isStopped || this.#running !== undefined || this.#cancelTimer !== undefined) return;
    this.#setTimer(COMPANY_MS);
  }

  /** Settles when all that is on the disk is delivered; rejects when it cannot be. */
  async drain(): Promise<void> {
    await this.#running;
    await this.#sendAll().catch((error: unknown) => {
      this.#failed(error);
      throw error;
    });
    this.#done();
  }

  /** Tries once more, and no more after that: what is left waits for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#clearTimer();
    await this.#running;
    if (this.#failure === undefined) await this.#sendAll().catch((error: unknown) => this.#failed(error));
  }

  #done(): void {
    this.#running = undefined;
    this.#pauseMs = 0;
    if (this.#failure !== undefined) this.#options.logger.warn("audit records are delivered again", {});
    this.#failure = undefined;
  }

  #failed(error: unknown): void {
    const { logger, retryMs, request } = this.#options;
    this.#running = undefined;
    const why = error instanceof Error ? error.message : "unknown";
    if (this.#failure === undefined)
      logger.error(`audit records cannot be delivered to ${request.url} (${why}); they wait on disk`, {});
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
    const { files, cursorFile } = this.#options;
    // oxlint-disable no-await-in-loop -- in order, one batch after the other
    for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
      await sendBatch(batch.bytes, batch.key, this.#options);
      this.#cursor = batch.after;
      // A crash before this line sends the batch again: at least once.
      await files.replace(cursorFile, JSON.stringify(batch.after));
    }
  }

  /** The next lines that are whole, undefined when there are none. */
  async #next(): Promise<{ bytes: Buffer; key: string; after: Cursor } | undefined> {
    const { directory, files, maxBatchBytes } = this.#options;
    const { segments } = filesOf(1, directory, files);
    const { segment, offset, seq } = this.#cursor;
    const name = segmentName({ writer: 1, number: segment });
    if (segments.includes(segment)) {
      const lines = await readLines(path.join(directory, name), offset, maxBatchBytes);
      const batch = writtenPart(lines, this.#options.writtenSeq(), name);
      if (batch !== undefined) {
        const after = { segment, offset: offset + batch.bytes.length, seq: batch.last.seq + 1 };
        return { bytes: batch.bytes, key: `${seq}-${batch.last.hash}`, after };
      }
      if (lines.length > 0) return undefined;
    }
    const next = segments.find((number) => number > segment);
    if (next === undefined) return undefined;
    this.#cursor = { segment: next, offset: 0, seq };
    return this.#next();
  }
}

/** The lines before a number, and the last of them. */
function writtenPart(
  lines: Buffer,
  writtenSeq: number,
  name: string,
): { readonly bytes: Buffer; readonly last: ChainedLine } | undefined {
  for (let bytes = lines; bytes.length > 0;) {
    const from = bytes.lastIndexOf(LINE_BREAK, bytes.length - 2) + 1;
    const last = readStoredLine(bytes.subarray(from, -1).toString("utf8"));
    if (last === undefined) throw corrupt(name);
    if (last.seq < writtenSeq) return { bytes, last };
    bytes = bytes.subarray(0, from);
  }
  return undefined;
}

function readCursor({ files, cursorFile, directory }: SpoolDeliveryOptions): Cursor {
  const first: Cursor = { segment: filesOf(1, directory, files).segments[0] ?? 1, offset: 0, seq: 0 };
  if (!files.list(directory).includes(path.basename(cursorFile))) return first;
  const found: unknown = JSON.parse(files.readText(cursorFile));
  if (!isJsonObject(found)) throw corrupt(cursorFile);
  const { segment, offset, seq } = found;
  if (typeof segment !== "number" || typeof offset !== "number" || typeof seq !== "number")
    throw corrupt(cursorFile);
  return { segment, offset, seq };
}

/** Whole lines from a place in a file, as many as fit, one at least. */
async function readLines(file: string, offset: number, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    for (let want = maxBytes; ; want *= 2) {
      const bytes = Buffer.alloc(want);
      // oxlint-disable-next-line no-await-in-loop -- a longer look when one line is longer than a batch
      const { bytesRead } = await handle.read(bytes, 0, want, offset);
      const whole = bytes.subarray(0, bytesRead).lastIndexOf(LINE_BREAK) + 1;
      if (whole > 0 || bytesRead < want) return bytes.subarray(0, whole);
    }
  } finally {
    await handle.close();
  }
}

function corrupt(file: string): AgentplaneError {
  const message = `${path.basename(file)} is not as it was written; verify the spool, then move it away`;
  return new AgentplaneError("audit_corrupt", message, { data: { file: path.basename(file) } });
}
