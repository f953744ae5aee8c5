import { assertNever } from "../base/assert-never.ts";
import type { LimitSpec } from "../policy/limit.ts";
import { calendarPeriod } from "./calendar.ts";
import type { Expiring } from "./expiry-heap.ts";
import type { LimitState, ReserveItem } from "./state-store.ts";
import type { SavedWindow, UsageWindow } from "./usage-window.ts";
import { createWindow, restoreWindow, withRoomFor } from "./window.ts";

/** What a cell would answer to one more amount. */
export interface Fit {
  readonly isFitting: boolean;
  readonly retryAfterMs: number | undefined;
}

type Asked = Pick<ReserveItem, "spec" | "amount">;

/** A grant and until when it counts. */
interface Grant {
  readonly amount: number;
  readonly untilMs: number;
}

/** An account as JSON: what a store that outlives the process keeps of it. */
export interface SavedCell {
  readonly held: number;
  readonly references: number;
  readonly epoch: number;
  readonly window: SavedWindow;
  /** Without an end: for ever. */
  readonly grants?: readonly { readonly amount: number; readonly untilMs?: number }[];
}

const FITTING: Fit = { isFitting: true, retryAfterMs: undefined };
const HOLD_CHECK_MS = 60_000;

/** The account of one limit key: what was used, what is held, what was granted on top. */
export class LimitCell implements Expiring {
  readonly key: string;
  /** When it is worth looking whether nothing lives here any more. */
  dueMs: number;
  heapIndex = -1;
  /** The sum of amounts held by calls that have not ended. */
  held = 0;
  /** Holds and late holds that point here; such a cell stays. */
  references = 0;
  /** The table that knows it; undefined once it is forgotten there. */
  table: object | undefined = undefined;
  /** Grows with every reset: what was counted before must not be taken back afterwards. */
  epoch = 0;
  #window: UsageWindow;
  #grants: readonly Grant[] | undefined;

  constructor({ key, window, dueMs }: { key: string; window: UsageWindow; dueMs: number }) {
    this.key = key;
    this.#window = window;
    this.dueMs = dueMs;
  }

  /** Opens the account of a limit that nothing was counted of. */
  static open(spec: LimitSpec, nowMs: number): LimitCell {
    const dueMs = nowMs + (spec.window.kind === "sliding" ? spec.window.windowMs : HOLD_CHECK_MS);
    return new LimitCell({ key: spec.key, window: createWindow(spec), dueMs });
  }

  /** Goes on with an account that was saved. */
  static restore(key: string, saved: SavedCell, dueMs: number): LimitCell {
    const cell = new LimitCell({ key, window: restoreWindow(saved.window), dueMs });
    cell.held = saved.held;
    cell.references = saved.references;
    cell.epoch = saved.epoch;
    cell.#grants = saved.grants?.map(({ amount, untilMs = Infinity }) => ({ amount, untilMs }));
    return cell;
  }

  /** What must be kept of it to go on elsewhere. */
  save(): SavedCell {
    const grants = this.#grants?.map(({ amount, untilMs }) => ({
      amount,
      ...(untilMs !== Infinity && { untilMs }),
    }));
    return {
      held: this.held,
      references: this.references,
      epoch: this.epoch,
      window: this.#window.save(),
      ...(grants !== undefined && { grants }),
    };
  }

  /** What counts as used now. */
  usedAt(nowMs: number): number {
    return this.#window.used(nowMs);
  }

  /** Counts an amount as used; what is not positive is ignored. */
  use(amount: number, atMs: number, nowMs: number): void {
    if (amount <= 0) return;
    this.#window = withRoomFor(this.#window, amount, nowMs);
    this.#window.add(amount, atMs, nowMs);
  }

  /** Takes back what was used at a time, as far as it still counts. */
  unuse(amount: number, atMs: number, nowMs: number): void {
    if (amount > 0) this.#window.remove(amount, atMs, nowMs);
  }

  /** Raises the limit for the current window. */
  grant({ window }: LimitSpec, amount: number, nowMs: number): void {
    const untilMs = grantEndMs(window, nowMs);
    this.#grants = [...(this.#grants ?? []).filter((grant) => grant.untilMs > nowMs), { amount, untilMs }];
  }

  /** Forgets what was used. */
  reset(): void {
    this.#window.clear();
    this.epoch++;
  }

  /** What is left, for people. */
  stateOf(spec: LimitSpec, nowMs: number): LimitState {
    return { used: this.#window.used(nowMs), held: this.held, limit: spec.limit + this.#granted(nowMs) };
  }

  /** @param pending What earlier items of the same request already want of this key. */
  fit({ spec, amount }: Asked, pending: number, nowMs: number): Fit {
    const used = this.#window.used(nowMs);
    const missing = used + this.held + pending + amount - spec.limit - this.#granted(nowMs);
    // Nothing asked for is never refused, not even while there is debt: a free model under a spent budget.
    if (missing <= 0 || amount === 0) return FITTING;
    return {
      isFitting: false,
      retryAfterMs: missing > used ? undefined : this.#window.freeAfterMs(missing, nowMs),
    };
  }

  /** Whether nothing lives here, so that the key may be forgotten. */
  isIdle(nowMs: number): boolean {
    return this.references === 0 && this.#window.used(nowMs) === 0 && this.#granted(nowMs) === 0;
  }

  /** When to look again; Infinity when only an explicit change can empty it. */
  nextCheckMs(nowMs: number): number {
    const emptyAtMs = this.#window.emptyAtMs(nowMs);
    return this.references > 0 || emptyAtMs <= nowMs ? Math.max(emptyAtMs, nowMs + HOLD_CHECK_MS) : emptyAtMs;
  }

  #granted(nowMs: number): number {
    if (this.#grants === undefined) return 0;
    let sum = 0;
    for (const grant of this.#grants) if (grant.untilMs > nowMs) sum += grant.amount;
    return sum;
  }
}

/** What a key that is not known yet would answer: nothing used, nothing held, and nothing is remembered by asking. */
export function fitUnused({ spec, amount }: Asked, pending: number): Fit {
  return pending + amount <= spec.limit || amount === 0
    ? FITTING
    : { isFitting: false, retryAfterMs: undefined };
}

function grantEndMs(window: LimitSpec["window"], nowMs: number): number {
  switch (window.kind) {
    case "sliding":
      return nowMs + window.windowMs;
    case "calendar":
      return calendarPeriod(window.unit, window.timeZone, nowMs).endMs;
    case "lifetime":
      return Infinity;
    default:
      return assertNever(window, "window");
  }
}
