import type { Clock, Logger, Timers } from "@agentplane/core";

import { NotConnected } from "../connection/connection.ts";

/** How a hold ends: with what was really used by position, or given back. */
export type HoldEnd = readonly (number | undefined)[] | "release";

/** What is needed to end holds later. */
export interface UnfinishedEndsDeps {
  /** @param by Gives back only what that attempt has taken, if nobody else has. */
  end(id: string, how: HoldEnd, by?: string): Promise<void>;
  /** How long after it was sent a reservation may still be taken. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "elapsedMs">;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** One end. */
interface Unfinished {
  readonly id: string;
  readonly by?: string;
  readonly how: HoldEnd;
  /** Told before, what it ends may still come: by our elapsed time. */
  readonly untilMs: number;
  isTold: boolean;
}

const RETRY_MS = 500;
/** As long as the store finds what a call took; after it, the hold has been charged or given back for good. */
const MAX_UNFINISHED = 100_000;

/**
 * Ends of holds that did not reach the server: a settlement that failed, and a reservation whose answer was lost. They are told when the server is back, so that nothing leaks; ends are idempotent.
 */
export class UnfinishedEnds {
  readonly #deps: UnfinishedEndsDeps;
  /** By hold; those of one attempt by that. */
  readonly #ends = new Map<string, Unfinished>();
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: UnfinishedEndsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#ends.size;
  }

  add(id: string, how: HoldEnd): void {
    this.#add(id, { id, how, untilMs: 0, isTold: false });
  }

  /**
   * A reservation whose answer was lost: it is given back for as long as the server may still come to it.
   * @param by The attempt, where others may make it again under its id: what those take stays theirs.
   */
  addLost(id: string, by?: string): void {
    const { clock, timeoutMs } = this.#deps;
    const untilMs = clock.elapsedMs() + timeoutMs;
    this.#add(by ?? id, { id, ...(by !== undefined && { by }), how: "release", untilMs, isTold: false });
  }

  /** Whether a reservation's answer was lost, and the server may still come to it. */
  mayStillCome(id: string): boolean {
    const untilMs = this.#ends.get(id)?.untilMs ?? 0;
    return untilMs > 0 && untilMs > this.#deps.clock.elapsedMs();
  }

  #add(name: string, unfinished: Unfinished): void {
    if (this.#isClosed) return;
    if (this.#ends.size >= MAX_UNFINISHED) {
      this.#deps.logger.error("too many calls ended while Redis was away; their holds expire instead", {
        kept: MAX_UNFINISHED,
      });
      return;
    }
    this.#ends.set(name, unfinished);
    this.#schedule();
  }

  /** Somebody makes this call again, or ends it: what was to be told of it does not hold any more. */
  forget(id: string): void {
    if (this.#ends.size > 0) this.#ends.delete(id);
  }

  /** Tells what can be told; what fails is tried again. */
  async flush(): Promise<void> {
    for (const [name, unfinished] of Array.from(this.#ends)) {
      if (this.#ends.get(name) !== unfinished) continue;
      const { id, how, by } = unfinished;
      const isLast = unfinished.untilMs <= this.#deps.clock.elapsedMs();
      try {
        // oxlint-disable-next-line no-await-in-loop -- the first that fails tells that the others would
        await this.#deps.end(id, how, by);
        unfinished.isTold = true;
        if (isLast && this.#ends.get(name) === unfinished) this.#ends.delete(name);
      } catch (error) {
        // Still away, which was logged when the connection was lost: the timer comes again.
        if (error instanceof NotConnected) break;
      }
    }
    if (this.#ends.size > 0) this.#schedule();
  }

  /** @returns How many ends were not told; their holds expire. */
  close(): number {
    this.#isClosed = true;
    this.#stopTimer?.();
    return [...this.#ends.values()].filter(({ isTold }) => !isTold).length;
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#stopTimer ??= this.#deps.timers.set(() => {
      this.#stopTimer = undefined;
      void this.flush();
    }, RETRY_MS);
  }
}
