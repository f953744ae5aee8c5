import { Given } from "../context/snapshot-mark.ts";
import type { LimitSpec } from "../policy/limit.ts";
import type { LimitCell } from "./limit-cell.ts";

/**
 * Remembers on a limit's own object in which cell it was found last: calls of one plan bring the very same object, and a
 * look-up by its key waits for three lines of memory that are mostly not in the processor's cache.
 */
export class CellMark extends Given {
  #cell: LimitCell;

  private constructor(spec: LimitSpec, cell: LimitCell) {
    super(spec);
    this.#cell = cell;
  }

  /** Where the limit was found last; it may have been forgotten since, or belong to another table. */
  static of(spec: LimitSpec): LimitCell | undefined {
    return #cell in spec ? spec.#cell : undefined;
  }

  static put(spec: LimitSpec, cell: LimitCell): void {
    if (#cell in spec) spec.#cell = cell;
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    else if (Object.isExtensible(spec)) new CellMark(spec, cell);
  }
}
