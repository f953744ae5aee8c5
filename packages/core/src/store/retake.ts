import type { HeldItem, Hold } from "./hold.ts";
import type { ReserveItem } from "./state-store.ts";

/** Whether a repeated request asks for just what its hold took, position by position. */
export function isSameRequest({ items }: Hold, wanted: readonly ReserveItem[]): boolean {
  return (
    items.length === wanted.length &&
    items.every(({ cell, amount }, index) => isFor(wanted[index], cell.key, amount))
  );
}

function isFor(item: ReserveItem | undefined, key: string, amount: number): boolean {
  return item?.spec.key === key && item.amount === amount;
}

/**
 * The events of an earlier hold that still count for a repeated request: a resumed call is not counted twice.
 * @returns By position of the request's items; undefined where the item must be taken anew.
 */
export function keptEvents(
  { items, expiredAtMs }: Hold,
  wanted: readonly ReserveItem[],
): readonly (HeldItem | undefined)[] {
  const counting = items.filter(
    ({ isEvent, expired, epoch, cell }) =>
      isEvent && epoch === cell.epoch && (expiredAtMs === undefined || expired === "charge"),
  );
  return wanted.map((item) => {
    const found = counting.findIndex(({ cell, amount }) => isFor(item, cell.key, amount));
    return found === -1 ? undefined : counting.splice(found, 1)[0];
  });
}

/**
 * Lifts what an earlier hold of the same call has taken in amounts, so that the request is judged without it.
 * @returns Puts it back as it was.
 */
export function liftAmounts({ items, expiredAtMs }: Hold, nowMs: number): () => void {
  const undo: (() => void)[] = [];
  for (const { cell, amount, isEvent, expired, epoch } of items) {
    if (isEvent) continue;
    if (expiredAtMs === undefined) {
      cell.held -= amount;
      undo.push(() => void (cell.held += amount));
    } else if (expired === "charge" && epoch === cell.epoch) {
      const before = cell.usedAt(nowMs);
      cell.unuse(amount, expiredAtMs, nowMs);
      const lifted = before - cell.usedAt(nowMs);
      undo.push(() => cell.use(lifted, expiredAtMs, nowMs));
    }
  }
  return () => undo.forEach((step) => step());
}
