import { AgentplaneError } from "../base/errors.ts";
import type { CellTable } from "./cell-table.ts";
import type { HeldItem } from "./hold.ts";
import { fitUnused, type Fit, type LimitCell } from "./limit-cell.ts";
import type { LimitBreach, ReserveItem } from "./state-store.ts";

/** What a request is looked over against. */
export interface Counted {
  readonly cells: CellTable;
  /** Set for each request: looking one over never waits. */
  nowMs: number;
}

const NOTHING_KEPT: readonly (HeldItem | undefined)[] = Object.freeze([]);

/**
 * Where the limits of the request that is looked over are counted: a second look at a limit's own mark costs more than an
 * item of a list. One list for all requests, because looking one over never waits.
 */
const found: (LimitCell | undefined)[] = [];

/**
 * Which limits of a request have no room for it; several items may want of one.
 * @param items All that the request wants.
 * @param kept What stays of an earlier hold, by position: it has its room.
 * @returns Undefined where all of it fits.
 */
export function breachesOf(
  items: readonly ReserveItem[],
  { cells, nowMs }: Counted,
  kept: readonly (HeldItem | undefined)[] = NOTHING_KEPT,
): LimitBreach[] | undefined {
  for (let index = 0; index < items.length; index++) found[index] = cells.cellOf(items[index]!.spec);
  let breaches: LimitBreach[] | undefined;
  for (let index = 0; index < items.length; index++) {
    if (kept[index] !== undefined) continue;
    const { isFitting, retryAfterMs } = fit(items, index, nowMs);
    if (isFitting) continue;
    breaches ??= [];
    breaches.push(retryAfterMs === undefined ? { index } : { index, retryAfterMs });
  }
  return breaches;
}

function fit(items: readonly ReserveItem[], index: number, nowMs: number): Fit {
  const item = items[index];
  if (item === undefined) throw new AgentplaneError("internal_unreachable", "a reservation lost an item");
  const cell = found[index];
  let pending = 0;
  for (let before = 0; before < index; before++) {
    const other = items[before]!;
    // Where the key is known, its cell tells it without the letters of both.
    const isSame = cell === undefined ? other.spec.key === item.spec.key : found[before] === cell;
    if (isSame) pending += other.amount;
  }
  return cell === undefined ? fitUnused(item, pending) : cell.fit(item, pending, nowMs);
}
