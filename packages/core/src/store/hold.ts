import type { CellTable } from "./cell-table.ts";
import type { Expiring } from "./expiry-heap.ts";
import type { LimitCell } from "./limit-cell.ts";
import type { Reservation, ReserveItem } from "./state-store.ts";

/** One limit's part of a hold. */
export interface HeldItem {
  readonly cell: LimitCell;
  readonly amount: number;
  /** When it was taken: calls count from here on, whatever becomes of them. */
  readonly atMs: number;
  /** A call is an event and counts at once; amounts are held and count when they are settled. */
  readonly isEvent: boolean;
  readonly expired: "charge" | "release";
  readonly epoch: number;
}

/** All that one reservation took; after its time it stays for a while, so that a late end still finds it. */
export class Hold implements Expiring {
  readonly id: string;
  readonly items: readonly HeldItem[];
  readonly answer: Reservation;
  /** Set by whoever queues it. */
  dueMs = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  /** When its time was up; undefined while it is in force. */
  expiredAtMs: number | undefined;

  constructor(id: string, items: readonly HeldItem[], answer: Reservation) {
    this.id = id;
    this.items = items;
    this.answer = answer;
  }
}

/** Takes one item, after it was found to fit. */
export function takeItem({ spec, amount, expired }: ReserveItem, cells: CellTable, nowMs: number): HeldItem {
  const cell = cells.obtain(spec, nowMs);
  const isEvent = spec.measure === "calls";
  if (isEvent) cell.use(amount, nowMs, nowMs);
  else cell.held += amount;
  cell.references++;
  return { cell, amount, atMs: nowMs, isEvent, expired, epoch: cell.epoch };
}

/** Ends an item with what was really used; `expiredAtMs` for an end that comes after its time. */
export function settleItem(
  item: HeldItem,
  actual: number,
  end: { nowMs: number; expiredAtMs: number | undefined },
): void {
  const { cell, amount, atMs, isEvent } = item;
  const { nowMs, expiredAtMs } = end;
  if (!isEvent && expiredAtMs === undefined) {
    cell.held -= amount;
    cell.use(actual, nowMs, nowMs);
    return;
  }
  // What already counts: the event, or what expiry charged.
  const counted = expiredAtMs !== undefined && item.expired === "release" ? 0 : amount;
  cell.use(actual - counted, nowMs, nowMs);
  if (actual < counted)
    uncount(item, counted - actual, { atMs: isEvent ? atMs : (expiredAtMs ?? atMs), nowMs });
}

/** Gives an item back as if it had never been taken. */
export function releaseItem(item: HeldItem, nowMs: number, expiredAtMs: number | undefined): void {
  if (expiredAtMs === undefined && !item.isEvent) item.cell.held -= item.amount;
  else if (expiredAtMs === undefined || item.expired === "charge") {
    uncount(item, item.amount, { atMs: item.isEvent ? item.atMs : (expiredAtMs ?? item.atMs), nowMs });
  }
}

/** Lets an item's time be up: it is charged at that very moment, or given back. */
export function expireItem(item: HeldItem, dueMs: number, nowMs: number): void {
  const { cell, amount, atMs, isEvent, expired } = item;
  if (!isEvent) cell.held -= amount;
  if (expired === "charge" && !isEvent) cell.use(amount, dueMs, nowMs);
  if (expired === "release" && isEvent) uncount(item, amount, { atMs, nowMs });
}

/** What an operator's reset forgot cannot be taken back: it would take away from others. */
function uncount({ cell, epoch }: HeldItem, amount: number, time: { atMs: number; nowMs: number }): void {
  if (cell.epoch === epoch) cell.unuse(amount, time.atMs, time.nowMs);
}
