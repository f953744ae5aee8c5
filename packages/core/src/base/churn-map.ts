/**
 * A Map by text whose entries come and go. V8 makes a Map that runs empty smaller at every `delete`, and builds a small one
 * anew at every second `set`, which costs more than all else a call does with it; entries that stay prevent both.
 */
export class ChurnMap<V> {
  readonly #entries = new Map<string | symbol, V | undefined>(STAYING);

  get size(): number {
    return this.#entries.size - STAYING.length;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value);
  }

  /** Takes an entry out. @returns Whether it was there. */
  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  /** Visits every entry, also while some are taken out. */
  forEach(visit: (value: V, key: string) => void): void {
    for (const [key, value] of this.#entries) {
      if (typeof key === "string" && value !== undefined) visit(value, key);
    }
  }
}

/** A quarter of 64 places, the least that V8 does not shrink: some forty entries come and go before it builds anew. */
const STAYING: readonly (readonly [symbol, undefined])[] = Array.from({ length: 16 }, () => [
  Symbol("staying"),
  undefined,
]);
