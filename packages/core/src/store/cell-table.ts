import { AgentplaneError } from "../base/errors.ts";
import type { LimitSpec } from "../policy/limit.ts";
import { CellMark } from "./cell-mark.ts";
import { ExpiryHeap } from "./expiry-heap.ts";
import { LimitCell } from "./limit-cell.ts";

/** A new key makes room for itself: so many idle ones are looked for at a time. */
const CHECKS_PER_KEY = 4;

/** All limit keys that are known; forgets only those in which nothing lives. */
export class CellTable {
  readonly #cells = new Map<string, LimitCell>();
  readonly #idle = new ExpiryHeap<LimitCell>();
  readonly #maxKeys: number;

  /** @param maxKeys How many keys may live at once. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#cells.size;
  }

  find(key: string): LimitCell | undefined {
    return this.#cells.get(key);
  }

  /** The cell of a limit: one that comes again knows where it was found. */
  cellOf(spec: LimitSpec): LimitCell | undefined {
    const known = CellMark.of(spec);
    if (known?.table === this) return known;
    const found = this.#cells.get(spec.key);
    if (found !== undefined) CellMark.put(spec, found);
    return found;
  }

  /** Every cell that is known. */
  all(): IterableIterator<LimitCell> {
    return this.#cells.values();
  }

  /** Takes in a cell that was kept elsewhere. */
  add(cell: LimitCell): void {
    cell.table = this;
    this.#cells.set(cell.key, cell);
    this.#idle.push(cell);
  }

  /**
   * The cell of a limit, made on first use.
   * @throws AgentplaneError `state_failed` when every one of `maxKeys` keys is alive
   */
  obtain(spec: LimitSpec, nowMs: number): LimitCell {
    return this.cellOf(spec) ?? this.#create(spec, nowMs);
  }

  /**
   * Makes sure that so many new keys have room.
   * @throws AgentplaneError `state_failed` as `obtain`
   */
  makeRoom(count: number, nowMs: number): void {
    this.#evictIdle(nowMs, CHECKS_PER_KEY * count);
    if (this.#cells.size + count <= this.#maxKeys) return;
    this.#evictIdle(nowMs, Infinity);
    if (this.#cells.size + count <= this.#maxKeys) return;
    throw new AgentplaneError(
      "state_failed",
      `the in-memory state holds ${this.#cells.size} live limit keys; raise maxKeys, or count by fewer subjects`,
      { data: { maxKeys: this.#maxKeys } },
    );
  }

  /** Lets a cell go soon that may have become idle by a change instead of by time. */
  reconsider(cell: LimitCell, nowMs: number): void {
    if (!cell.isIdle(nowMs)) return;
    this.#idle.remove(cell);
    cell.dueMs = nowMs;
    this.#idle.push(cell);
  }

  #create(spec: LimitSpec, nowMs: number): LimitCell {
    this.makeRoom(1, nowMs);
    const cell = LimitCell.open(spec, nowMs);
    this.add(cell);
    return cell;
  }

  #evictIdle(nowMs: number, maxChecks: number): void {
    for (let checks = 0; checks < maxChecks; checks++) {
      const cell = this.#idle.popDue(nowMs);
      if (cell === undefined) return;
      if (cell.isIdle(nowMs)) {
        this.#cells.delete(cell.key);
        cell.table = undefined;
        continue;
      }
      cell.dueMs = cell.nextCheckMs(nowMs);
      if (cell.dueMs !== Infinity) this.#idle.push(cell);
    }
  }
}
