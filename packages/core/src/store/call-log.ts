import type { SavedWindow, UsageWindow } from "./usage-window.ts";

/** How many calls a log remembers; beyond that, buckets take over. */
export const MAX_LOGGED_CALLS = 1_000;

const FIRST_CAPACITY = 8;

/**
 * A sliding window that remembers the time of every call in a ring, grown with use: exact, O(1) amortised. A call at
 * `t` counts in `(now − window, now]`, so it leaves at `t + window`.
 */
export class CallLog implements UsageWindow {
  readonly windowMs: number;
  #ring = new Float64Array(FIRST_CAPACITY);
  #head = 0;
  #size = 0;

  /** @param windowMs Length of the window. */
  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Goes on with what was saved. */
  static restore({ windowMs, times }: Extract<SavedWindow, { kind: "log" }>): CallLog {
    const log = new CallLog(windowMs);
    let atMs = 0;
    for (const laterMs of times) {
      atMs += laterMs;
      log.#append(atMs);
    }
    return log;
  }

  used(nowMs: number): number {
    while (this.#size > 0 && this.#at(0) + this.windowMs <= nowMs) {
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#size--;
    }
    return this.#size;
  }

  /** Whether so many more calls can be remembered. */
  hasRoom(amount: number, nowMs: number): boolean {
    return this.used(nowMs) + amount <= MAX_LOGGED_CALLS;
  }

  add(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    for (let count = 0; count < amount; count++) this.#append(atMs);
  }

  remove(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    for (let count = 0; count < amount; count++) this.#removeOne(atMs);
  }

  freeAfterMs(amount: number, nowMs: number): number | undefined {
    if (amount > this.used(nowMs)) return undefined;
    return amount <= 0 ? 0 : Math.ceil(this.#at(amount - 1) + this.windowMs - nowMs);
  }

  emptyAtMs(nowMs: number): number {
    return this.used(nowMs) === 0 ? nowMs : this.#at(this.#size - 1) + this.windowMs;
  }

  clear(): void {
    this.#size = 0;
  }

  /** The times that count now, oldest first. */
  times(nowMs: number): readonly number[] {
    return Array.from({ length: this.used(nowMs) }, (_, index) => this.#at(index));
  }

  save(): SavedWindow {
    const times: number[] = [];
    for (let index = 0; index < this.#size; index++)
      times.push(index === 0 ? this.#at(0) : this.#at(index) - this.#at(index - 1));
    return { kind: "log", windowMs: this.windowMs, times };
  }

  #append(atMs: number): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = atMs;
    this.#size++;
  }

  #at(index: number): number {
    // Within the ring by the mask; the fallback only satisfies the type.
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)] ?? 0;
  }

  /** Calls of one moment are alike: any of them may go, and mostly it is the last one. */
  #removeOne(atMs: number): void {
    let index = this.#size - 1;
    while (index >= 0 && this.#at(index) > atMs) index--;
    if (index < 0 || this.#at(index) !== atMs) return;
    const mask = this.#ring.length - 1;
    for (; index < this.#size - 1; index++) this.#ring[(this.#head + index) & mask] = this.#at(index + 1);
    this.#size--;
  }

  #grow(): void {
    const larger = new Float64Array(this.#ring.length * 2);
    for (let index = 0; index < this.#size; index++) larger[index] = this.#at(index);
    this.#ring = larger;
    this.#head = 0;
  }
}
