/**
 * A Map by text whose entries come and go. V8 makes a Map that runs empty smaller at every `delete`, which costs more
 * than all else a call does with it; one entry that stays prevents that.
 */
export class ChurnMap<V> {
  readonly #entries = new Map<string | symbol, V | undefined>([[STAYING, undefined]]);

  get size(): number {
    return this.#entries.size - 1;
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

const STAYING = Symbol("staying");
