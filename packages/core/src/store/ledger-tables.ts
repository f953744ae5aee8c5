import { ChurnMap } from "../base/churn-map.ts";
import { CellTable } from "./cell-table.ts";
import { ExpiryHeap } from "./expiry-heap.ts";
import type { Hold } from "./hold.ts";

/**
 * What a ledger knows: everything, or for a store outside this process the accounts and holds that one operation
 * concerns.
 */
export class LedgerTables {
  readonly cells: CellTable;
  readonly holds = new ChurnMap<Hold>();
  /** In force, first the one whose time is up first. */
  readonly running = new ExpiryHeap<Hold>();
  /** Their time was up; kept for a late end. */
  readonly late = new ExpiryHeap<Hold>();

  /** @param maxKeys How many limit keys may live at once. */
  constructor(maxKeys: number) {
    this.cells = new CellTable(maxKeys);
  }

  /** Takes in a hold that was kept elsewhere. */
  add(hold: Hold): void {
    this.holds.set(hold.id, hold);
    (hold.expiredAtMs === undefined ? this.running : this.late).push(hold);
  }
}
