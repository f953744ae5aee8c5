import { listOf } from "../base/list-of.ts";
import type { LimitSpec } from "../policy/limit.ts";
import { breachesOf, type Counted } from "./breaches-of.ts";
import type { CellTable } from "./cell-table.ts";
import { checkAmount, checkRequest, checkTtl } from "./check-request.ts";
import type { ExpiryHeap } from "./expiry-heap.ts";
import { expireItem, Hold, releaseItem, settleItem, takeItem, type HeldItem } from "./hold.ts";
import type { LedgerTables } from "./ledger-tables.ts";
import { isSameRequest, keptEvents, liftAmounts } from "./retake.ts";
import type {
  LedgerStore,
  LimitBreach,
  LimitState,
  Reservation,
  ReserveItem,
  ReserveRequest,
} from "./state-store.ts";

const GRANTED: Reservation = Object.freeze({ isGranted: true, breaches: Object.freeze([]) });
const NOTHING_KEPT: readonly (HeldItem | undefined)[] = Object.freeze([]);
/** How long after its time the end of a call still finds what it took. */
const LATE_END_MS = 86_400_000;

/** Counters and budgets in this process's memory; every operation is synchronous and so atomic. */
export class MemoryLedger implements LedgerStore {
  readonly #cells: CellTable;
  readonly #nowMs: () => number;
  readonly #holds: LedgerTables["holds"];
  readonly #running: ExpiryHeap<Hold>;
  readonly #late: ExpiryHeap<Hold>;
  readonly #counted: Counted;

  /**
   * @param nowMs A time that never goes back.
   * @param tables What is known already.
   */
  constructor(nowMs: () => number, { cells, holds, running, late }: LedgerTables) {
    this.#nowMs = nowMs;
    this.#cells = cells;
    this.#holds = holds;
    this.#running = running;
    this.#late = late;
    this.#counted = { cells, nowMs: Number.NEGATIVE_INFINITY };
  }

  /** How many limit keys are known. */
  get keyCount(): number {
    return this.#cells.size;
  }

  reserve(request: ReserveRequest): Reservation {
    checkRequest(request);
    const nowMs = this.#sweep();
    const earlier = this.#holds.get(request.id);
    if (earlier !== undefined) return this.#retake(earlier, request, nowMs);
    const answer = this.#judge(request, nowMs);
    if (!answer.isGranted) return answer;
    this.#makeRoom(request.items, nowMs);
    this.#keep(new Hold(request.id, this.#taken(request.items, nowMs), answer), nowMs + request.ttlMs);
    return answer;
  }

  probe(request: ReserveRequest): Reservation {
    checkRequest(request);
    const nowMs = this.#sweep();
    const earlier = this.#holds.get(request.id);
    if (earlier === undefined) return this.#judge(request, nowMs);
    if (earlier.expiredAtMs === undefined && isSameRequest(earlier, request.items)) return earlier.answer;
    const restore = liftAmounts(earlier, nowMs);
    const answer = this.#judge(request, nowMs, keptEvents(earlier, request.items));
    restore();
    return answer;
  }

  settle(id: string, actuals: readonly (number | undefined)[]): void {
    for (let index = 0; index < actuals.length; index++) {
      const actual = actuals[index];
      if (actual !== undefined) checkAmount(actual, "a settled amount");
    }
    const nowMs = this.#sweep();
    const hold = this.#end(id);
    if (hold === undefined) return;
    const end = { nowMs, expiredAtMs: hold.expiredAtMs };
    for (let index = 0; index < hold.items.length; index++) {
      const item = hold.items[index];
      if (item === undefined) continue;
      settleItem(item, actuals[index] ?? item.amount, end);
      this.#cells.reconsider(item.cell, nowMs);
    }
  }

  release(id: string): void {
    const nowMs = this.#sweep();
    const hold = this.#end(id);
    if (hold === undefined) return;
    for (const item of hold.items) {
      releaseItem(item, nowMs, hold.expiredAtMs);
      this.#cells.reconsider(item.cell, nowMs);
    }
  }

  renew(id: string, ttlMs: number): void {
    checkTtl(ttlMs);
    const nowMs = this.#sweep();
    const hold = this.#holds.get(id);
    // After its time the room may be another's: a late renewal revives nothing, the end is charged as it comes.
    if (hold?.expiredAtMs === undefined && hold !== undefined) this.#running.reschedule(hold, nowMs + ttlMs);
  }

  read(spec: LimitSpec): LimitState {
    const nowMs = this.#sweep();
    return this.#cells.cellOf(spec)?.stateOf(spec, nowMs) ?? { used: 0, held: 0, limit: spec.limit };
  }

  grant(spec: LimitSpec, amount: number): void {
    checkAmount(amount, "a granted amount");
    const nowMs = this.#sweep();
    this.#cells.obtain(spec, nowMs).grant(spec, amount, nowMs);
  }

  reset(key: string): void {
    const nowMs = this.#sweep();
    const cell = this.#cells.find(key);
    if (cell === undefined) return;
    cell.reset();
    this.#cells.reconsider(cell, nowMs);
  }

  #judge(
    request: ReserveRequest,
    nowMs: number,
    kept: readonly (HeldItem | undefined)[] = NOTHING_KEPT,
  ): Reservation {
    this.#counted.nowMs = nowMs;
    const breaches = breachesOf(request.items, this.#counted, kept);
    return breaches === undefined ? GRANTED : { isGranted: !isRefused(request, breaches), breaches };
  }

  /** @param kept What stays of an earlier hold, by position. */
  #taken(
    items: readonly ReserveItem[],
    nowMs: number,
    kept: readonly (HeldItem | undefined)[] = NOTHING_KEPT,
  ): readonly HeldItem[] {
    // Filled in place: a closure for `map` would be made for every call.
    const held = listOf<HeldItem>(items.length);
    for (let index = 0; index < items.length; index++)
      held[index] = kept[index] ?? takeItem(items[index]!, this.#cells, nowMs);
    return held;
  }

  #keep(hold: Hold, dueMs: number): void {
    hold.dueMs = dueMs;
    this.#holds.set(hold.id, hold);
    this.#running.push(hold);
  }

  /** Before anything is taken or given back: a full table refuses the request whole. */
  #makeRoom(items: readonly ReserveItem[], nowMs: number): void {
    let missing = 0;
    for (let index = 0; index < items.length; index++) {
      if (this.#cells.cellOf(items[index]!.spec) === undefined) missing++;
    }
    if (missing > 0) this.#cells.makeRoom(missing, nowMs);
  }

  /** The same call again: answered as before, or judged anew without counting twice what it already took. */
  #retake(earlier: Hold, request: ReserveRequest, nowMs: number): Reservation {
    if (earlier.expiredAtMs === undefined && isSameRequest(earlier, request.items)) {
      this.#running.reschedule(earlier, nowMs + request.ttlMs);
      return earlier.answer;
    }
    this.#makeRoom(request.items, nowMs);
    const kept = keptEvents(earlier, request.items);
    const restore = liftAmounts(earlier, nowMs);
    const answer = this.#judge(request, nowMs, kept);
    if (!answer.isGranted) {
      restore();
      return answer;
    }
    this.#end(earlier.id);
    for (const item of earlier.items) {
      if (kept.includes(item)) item.cell.references++;
      else if (item.isEvent) releaseItem(item, nowMs, earlier.expiredAtMs);
    }
    const held = this.#taken(request.items, nowMs, kept);
    this.#keep(new Hold(request.id, held, answer), nowMs + request.ttlMs);
    return answer;
  }

  #end(id: string): Hold | undefined {
    const hold = this.#holds.get(id);
    if (hold === undefined) return undefined;
    this.#holds.delete(id);
    (hold.expiredAtMs === undefined ? this.#running : this.#late).remove(hold);
    for (let index = 0; index < hold.items.length; index++) hold.items[index]!.cell.references--;
    return hold;
  }

  /** Lets the time of holds be up; answers with the time that this operation counts by. */
  #sweep(): number {
    const nowMs = this.#nowMs();
    for (let hold = this.#running.popDue(nowMs); hold !== undefined; hold = this.#running.popDue(nowMs)) {
      hold.expiredAtMs = hold.dueMs;
      for (const item of hold.items) expireItem(item, hold.dueMs, nowMs);
      hold.dueMs += LATE_END_MS;
      this.#late.push(hold);
    }
    for (let hold = this.#late.peek(); hold !== undefined && hold.dueMs <= nowMs; hold = this.#late.peek())
      this.#end(hold.id);
    return nowMs;
  }
}

function isRefused({ items }: ReserveRequest, breaches: readonly LimitBreach[]): boolean {
  return breaches.some(({ index }) => items[index]?.isSoft === false);
}
