import type { OwnPorts } from "../own-ports.ts";

/** How a hold ends: with what was really used by position, or given back. */
export type HoldEnd =
  | { readonly actuals: readonly (number | undefined)[] }
  | {
      /** Server time from which on the reservation can no longer be taken late. */
      readonly afterMs: number | undefined;
      /** Nobody makes it again under the same id, so it may be given back whenever. */
      readonly isOnce?: boolean;
      /** Else only what that attempt has taken, if nobody else has: the hold's digest and the attempt. */
      readonly of?: { readonly hold: string; readonly by: string };
    };

/** What is needed to end holds later. */
export interface UnfinishedEndsDeps {
  /** Answers whether it is done; false to try again. */
  end(id: string, how: HoldEnd): Promise<boolean>;
  readonly ports: OwnPorts;
}

const RETRY_MS = 500;
const MAX_UNFINISHED = 100_000;

/**
 * Ends that did not reach the server: a settlement that failed, a reservation whose answer was lost. They are told when the server is back; ends count once, however often they are told.
 */
export class UnfinishedEnds {
  readonly #deps: UnfinishedEndsDeps;
  /** By hold; those of one attempt by that. */
  readonly #ends = new Map<string, HoldEnd>();
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: UnfinishedEndsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#ends.size;
  }

  add(id: string, how: HoldEnd): void {
    if (this.#isClosed) return;
    if (this.#ends.size >= MAX_UNFINISHED) {
      this.#deps.ports.logger.error(
        "too many calls ended while PostgreSQL was away; their holds expire instead",
        {
          kept: MAX_UNFINISHED,
        },
      );
      return;
    }
    this.#ends.set(id, how);
    this.#schedule();
  }

  /** What is to be told of a reservation, if anything is. */
  get(id: string): HoldEnd | undefined {
    return this.#ends.size > 0 ? this.#ends.get(id) : undefined;
  }

  /** Somebody makes this call again, or ends it: what was to be told of it does not hold any more. */
  forget(id: string): void {
    if (this.#ends.size > 0) this.#ends.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#stopTimer ??= this.#deps.ports.timers.set(() => void this.#flush(), RETRY_MS);
  }

  async #flush(): Promise<void> {
    const told = [...this.#ends].map(async ([id, how]) => {
      const isDone = await this.#deps.end(id, how).catch(() => false);
      if (isDone && this.#ends.get(id) === how) this.#ends.delete(id);
    });
    await Promise.all(told);
    this.#stopTimer = undefined;
    if (this.#ends.size > 0) this.#schedule();
  }
}
