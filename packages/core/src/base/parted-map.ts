/** Enough that no part of some ten thousand entries is long. */
const PARTS = 16;

/**
 * A Map by text in parts, for work that is done in slices: a Map that doubles files all its entries again in one step, and
 * of thousands that takes longer than a slice may.
 */
export class PartedMap<V> {
  readonly #parts = Array.from({ length: PARTS }, () => new Map<string, V>());

  get(key: string): V | undefined {
    return this.#partOf(key).get(key);
  }

  set(key: string, value: V): void {
    this.#partOf(key).set(key, value);
  }

  /** By the last two units: ids that are numbered differ there. */
  #partOf(key: string): Map<string, V> {
    const { length } = key;
    const mix = length === 0 ? 0 : key.charCodeAt(length - 1) + 5 * key.charCodeAt(Math.max(0, length - 2));
    return this.#parts[mix % PARTS]!;
  }
}
