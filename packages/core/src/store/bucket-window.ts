import type { SavedWindow, UsageWindow } from "./usage-window.ts";

/** Slices of a window. One more is kept: the oldest, partly outside, counts whole, so the sum is never too small. */
const SLICES = 60;
const KEPT = SLICES + 1;
const NEWEST = KEPT;
const OLDEST = KEPT + 1;
const TOTAL = KEPT + 2;

/**
 * A sliding window of 60+1 buckets: constant size and time whatever the limit. Counts at least what an exact log
 * would, hence never admits more than the limit in any stretch of the window's length.
 */
export class BucketWindow implements UsageWindow {
  readonly #windowMs: number;
  /** The sums, then what is counted beside them: numbers of their own would lie in places of their own. */
  readonly #sums = new Float64Array(KEPT + 3);

  /** @param windowMs Length of the window. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#newest = Number.NEGATIVE_INFINITY;
    this.#oldest = Number.POSITIVE_INFINITY;
  }

  get #newest(): number {
    return this.#sums[NEWEST]!;
  }

  set #newest(bucket: number) {
    this.#sums[NEWEST] = bucket;
  }

  /** No bucket before this one holds anything: where the search for room starts. */
  get #oldest(): number {
    return this.#sums[OLDEST]!;
  }

  set #oldest(bucket: number) {
    this.#sums[OLDEST] = bucket;
  }

  get #total(): number {
    return this.#sums[TOTAL]!;
  }

  set #total(total: number) {
    this.#sums[TOTAL] = total;
  }

  /** Goes on with what was saved. */
  static restore({ windowMs, sums }: Extract<SavedWindow, { kind: "buckets" }>): BucketWindow {
    const window = new BucketWindow(windowMs);
    for (const [bucket, sum] of sums) {
      window.#sums[bucket % KEPT] = sum;
      window.#total += sum;
      window.#oldest = Math.min(window.#oldest, bucket);
      window.#newest = Math.max(window.#newest, bucket);
    }
    return window;
  }

  used(nowMs: number): number {
    const newest = this.#bucketOf(nowMs);
    if (newest > this.#newest) this.#advance(newest);
    return this.#total;
  }

  add(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    const bucket = this.#bucketOf(atMs);
    if (bucket <= this.#newest - KEPT) return;
    this.#sums[bucket % KEPT] = this.#sumOf(bucket) + amount;
    if (bucket < this.#oldest) this.#oldest = bucket;
    this.#total += amount;
  }

  remove(amount: number, atMs: number, nowMs: number): void {
    this.used(nowMs);
    const bucket = this.#bucketOf(atMs);
    if (bucket <= this.#newest - KEPT) return;
    const taken = Math.min(amount, this.#sumOf(bucket));
    this.#sums[bucket % KEPT] = this.#sumOf(bucket) - taken;
    this.#total -= taken;
  }

  freeAfterMs(amount: number, nowMs: number): number | undefined {
    if (amount > this.used(nowMs)) return undefined;
    let freed = 0;
    while (this.#oldest < this.#newest && this.#sumOf(this.#oldest) === 0) this.#oldest++;
    for (let bucket = this.#oldest; bucket <= this.#newest; bucket++) {
      freed += this.#sumOf(bucket);
      if (freed >= amount) return Math.max(0, Math.ceil(this.#leavesAtMs(bucket) - nowMs));
    }
    return undefined;
  }

  emptyAtMs(nowMs: number): number {
    if (this.used(nowMs) === 0) return nowMs;
    let bucket = this.#newest;
    while (this.#sumOf(bucket) === 0) bucket--;
    return this.#leavesAtMs(bucket);
  }

  clear(): void {
    this.#sums.fill(0, 0, KEPT);
    this.#total = 0;
    this.#oldest = Number.POSITIVE_INFINITY;
  }

  save(): SavedWindow {
    const sums: (readonly [number, number])[] = [];
    for (let bucket = Math.max(this.#oldest, this.#newest - SLICES); bucket <= this.#newest; bucket++) {
      const sum = this.#sumOf(bucket);
      if (sum !== 0) sums.push([bucket, sum]);
    }
    return { kind: "buckets", windowMs: this.#windowMs, sums };
  }

  #bucketOf(atMs: number): number {
    return Math.floor((atMs * SLICES) / this.#windowMs);
  }

  #sumOf(bucket: number): number {
    // Epoch times make every bucket number positive; the fallback only satisfies the type.
    return this.#sums[bucket % KEPT] ?? 0;
  }

  #leavesAtMs(bucket: number): number {
    let atMs = Math.ceil(((bucket + KEPT) * this.#windowMs) / SLICES);
    // The division above may round to just before the boundary that `#bucketOf` sees.
    while (this.#bucketOf(atMs) < bucket + KEPT) atMs++;
    return atMs;
  }

  #advance(newest: number): void {
    if (newest - this.#newest >= KEPT) {
      if (this.#total !== 0) this.clear();
    } else {
      for (let bucket = this.#newest + 1; bucket <= newest; bucket++) {
        this.#total -= this.#sumOf(bucket);
        this.#sums[bucket % KEPT] = 0;
      }
    }
    this.#newest = newest;
    if (this.#oldest <= newest - KEPT) this.#oldest = newest - SLICES;
  }
}
