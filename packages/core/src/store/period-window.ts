import { calendarPeriod } from "./calendar.ts";
import type { SavedWindow, UsageWindow } from "./usage-window.ts";

/** Counts within the current calendar day or month of a time zone and starts anew with the next. */
export class CalendarWindow implements UsageWindow {
  readonly #unit: "day" | "month";
  readonly #timeZone: string;
  #startMs = 0;
  #endMs = 0;
  #total = 0;

  constructor(unit: "day" | "month", timeZone: string) {
    this.#unit = unit;
    this.#timeZone = timeZone;
  }

  /** Goes on with what was saved. */
  static restore(saved: Extract<SavedWindow, { kind: "calendar" }>): CalendarWindow {
    const window = new CalendarWindow(saved.unit, saved.timeZone);
    window.#startMs = saved.startMs;
    window.#endMs = saved.endMs;
    window.#total = saved.total;
    return window;
  }

  used(nowMs: number): number {
    if (nowMs >= this.#endMs) {
      const { startMs, endMs } = calendarPeriod(this.#unit, this.#timeZone, nowMs);
      this.#startMs = startMs;
      this.#endMs = endMs;
      this.#total = 0;
    }
    return this.#total;
  }

  add(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    if (atMs >= this.#startMs) this.#total += amount;
  }

  remove(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    if (atMs >= this.#startMs) this.#total -= Math.min(amount, this.#total);
  }

  freeAfterMs(amount: number, nowMs: number): number | undefined {
    return amount > this.used(nowMs) ? undefined : Math.ceil(this.#endMs - nowMs);
  }

  emptyAtMs(nowMs: number): number {
    return this.used(nowMs) === 0 ? nowMs : this.#endMs;
  }

  clear(): void {
    this.#total = 0;
  }

  save(): SavedWindow {
    return {
      kind: "calendar",
      unit: this.#unit,
      timeZone: this.#timeZone,
      startMs: this.#startMs,
      endMs: this.#endMs,
      total: this.#total,
    };
  }
}

/** Counts for as long as its subject exists. */
export class LifetimeWindow implements UsageWindow {
  #total = 0;

  /** Goes on with what was saved. */
  static restore({ total }: Extract<SavedWindow, { kind: "lifetime" }>): LifetimeWindow {
    const window = new LifetimeWindow();
    window.#total = total;
    return window;
  }

  used(): number {
    return this.#total;
  }

  add(amount: number): void {
    this.#total += amount;
  }

  remove(amount: number): void {
    this.#total -= Math.min(amount, this.#total);
  }

  freeAfterMs(): undefined {
    return undefined;
  }

  emptyAtMs(nowMs: number): number {
    return this.#total === 0 ? nowMs : Infinity;
  }

  clear(): void {
    this.#total = 0;
  }

  save(): SavedWindow {
    return { kind: "lifetime", total: this.#total };
  }
}
