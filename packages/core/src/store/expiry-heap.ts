/** Something that falls due; `heapIndex` belongs to the heap, −1 while it is not queued. */
export interface Expiring {
  dueMs: number;
  heapIndex: number;
}

/**
 * A binary min-heap by `dueMs` whose items know their place, so that any of them is taken out in O(log n): a lazily
 * cleaned queue would keep the garbage of every ended call for a whole TTL.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item that is due first. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Queues an item that is not queued. */
  push(item: T): void {
    item.heapIndex = this.#items.length;
    this.#items.push(item);
    this.#rise(item);
  }

  /** Takes an item out; nothing happens when it is not queued. */
  remove(item: T): void {
    const hole = item.heapIndex;
    if (hole === -1) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#place(last, hole);
    this.#sink(last);
    this.#rise(last);
  }

  /** Changes when a queued item is due. */
  reschedule(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    this.#sink(item);
    this.#rise(item);
  }

  /** Takes out and returns the first item if it is due. */
  popDue(nowMs: number): T | undefined {
    const first = this.#items[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.remove(first);
    return first;
  }

  #rise(item: T): void {
    let index = item.heapIndex;
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1];
      if (parent === undefined || parent.dueMs <= item.dueMs) break;
      const above = parent.heapIndex;
      this.#place(parent, index);
      index = above;
    }
    this.#place(item, index);
  }

  #sink(item: T): void {
    let index = item.heapIndex;
    for (;;) {
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      const child = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left;
      if (child === undefined || child.dueMs >= item.dueMs) break;
      const below = child.heapIndex;
      this.#place(child, index);
      index = below;
    }
    this.#place(item, index);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
