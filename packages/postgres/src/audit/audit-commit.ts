import { setImmediate } from "node:timers/promises";

import { AgentplaneError, type AuditRecord } from "@agentplane/core";

import type { OwnPorts } from "../own-ports.ts";
import { ServerFailure } from "../server-failure.ts";
import { AuditGap } from "./audit-gap.ts";
import type { AuditChain, AuditLine } from "./audit-line.ts";

/** What writing in groups needs. */
export interface AuditCommitDeps {
  readonly chain: AuditChain;
  /** Writes a group whole or not at all; a group that is there already counts as written. */
  write(lines: readonly AuditLine[]): Promise<void>;
  /** How long a buffered record may wait for company, in ms. */
  readonly bufferMs: number;
  /** When to try again after a failure, in ms. */
  readonly retryMs: number;
  /** Above this many characters in memory, buffered records wait too; while nothing can be written, none is taken. */
  readonly maxBufferedChars: number;
  readonly ports: OwnPorts;
}

interface Waiter {
  readonly seq: number;
  resolve(): void;
  reject(error: Error): void;
}

const MAX_GROUP = 1_000;

/**
 * Writes lines in groups: what arrives while one is committed goes into the next. A group whose commit is not known to
 * have happened is sent again as it is, so no line is lost or doubled; whoever waited for it was told that it failed.
 */
export class AuditCommit {
  readonly #deps: AuditCommitDeps;
  readonly #gap = new AuditGap();
  #lines: AuditLine[] = [];
  #chars = 0;
  #waiters: Waiter[] = [];
  #isRunning = false;
  #isFailing = false;
  #isStopped = false;
  #stopTimer: (() => void) | undefined;

  constructor(deps: AuditCommitDeps) {
    this.#deps = deps;
  }

  /** Takes a record; the promise, if any, settles when it is committed, or rejects when that is not known. */
  append(record: AuditRecord, mode: "durable" | "buffered"): Promise<void> | undefined {
    const { bufferMs, retryMs, maxBufferedChars } = this.#deps;
    const isFull = this.#chars > maxBufferedChars;
    if (isFull && this.#isFailing) {
      this.#gap.addLost(1, "no room");
      this.#startLater(retryMs);
      return Promise.reject(failed("PostgreSQL takes no audit records and the buffer is full", undefined));
    }
    const line = this.#deps.chain.next(record);
    this.#lines.push(line);
    this.#chars += line.text.length;
    if (mode === "durable" || isFull) return this.#committed(line.seq);
    this.#startLater(this.#isFailing ? retryMs : bufferMs);
    return undefined;
  }

  /** Settles when everything taken so far is committed. */
  flush(): Promise<void> {
    const last = this.#lines.at(-1);
    return last === undefined ? Promise.resolve() : this.#committed(last.seq);
  }

  /** Tries no more by itself. @returns How many lines stay unwritten. */
  stop(): number {
    this.#isStopped = true;
    this.#stopTimer?.();
    return this.#lines.length;
  }

  #committed(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject });
      this.#start();
    });
  }

  #startLater(delayMs: number): void {
    if (this.#isRunning || this.#isStopped || this.#stopTimer !== undefined) return;
    this.#stopTimer = this.#deps.ports.timers.set(() => this.#start(), delayMs);
  }

  #start(): void {
    if (this.#isRunning || this.#isStopped) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
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
      if (!(await this.#commit())) break;
    } while (this.#waiters.length > 0);
    this.#isRunning = false;
    if (this.#isFailing) this.#startLater(this.#deps.retryMs);
    else if (this.#lines.length > 0) this.#startLater(this.#deps.bufferMs);
  }

  async #commit(): Promise<boolean> {
    const group = this.#lines.slice(0, MAX_GROUP);
    try {
      if (group.length > 0) await this.#deps.write(group);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    this.#lines = this.#lines.slice(group.length);
    for (const { text } of group) this.#chars -= text.length;
    this.#recover();
    const until = group.at(-1)?.seq ?? -1;
    const told = this.#waiters.filter(({ seq }) => seq <= until);
    this.#waiters = this.#waiters.filter(({ seq }) => seq > until);
    for (const { resolve } of told) resolve();
    return true;
  }

  /** What was lost or late is told right behind what was written first. */
  #recover(): void {
    if (this.#isFailing) this.#deps.ports.logger.info("the audit trail is written to PostgreSQL again");
    this.#isFailing = false;
    if (this.#gap.isOpen) void this.append(this.#gap.take(), "buffered");
  }

  #fail(cause: unknown): void {
    const reason = cause instanceof ServerFailure ? (cause.reason ?? cause.kind) : "unknown";
    const error = failed(
      `audit records could not be written to PostgreSQL (${reason}); writing goes on by itself`,
      cause,
    );
    if (!this.#isFailing) this.#deps.ports.logger.error(error.message, { reason });
    this.#isFailing = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#gap.addLate(waiters.length, reason);
    for (const { reject } of waiters) reject(error);
  }
}

function failed(message: string, cause: unknown): AgentplaneError {
  return new AgentplaneError("audit_failed", message, { cause });
}
