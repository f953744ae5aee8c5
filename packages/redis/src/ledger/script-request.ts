import type { Keyspace } from "../connection/keyspace.ts";
import { periodsOf, type LimitShape } from "./limit-shape.ts";

/** Which limits a hold concerns: enough to name all keys of whatever ends it. */
export type HeldLimits = ReadonlyMap<string, LimitShape>;

/** One call of a ledger script: collects the limits it touches, and names every key of them. */
export class ScriptRequest {
  readonly #keyspace: Keyspace;
  readonly #shapes = new Map<string, LimitShape>();
  readonly #positions = new Map<string, number>();

  constructor(keyspace: Keyspace, limits?: HeldLimits) {
    this.#keyspace = keyspace;
    for (const [record, shape] of limits ?? []) this.addRecord(record, shape);
  }

  /** The limits so far, by the key of their record. */
  get limits(): HeldLimits {
    return this.#shapes;
  }

  /** @returns The limit's position among the request's limits, from 1 as Lua counts. */
  addLimit(key: string, shape: LimitShape): number {
    return this.addRecord(this.#keyspace.ofLimit(key)[0], shape);
  }

  addRecord(record: string, shape: LimitShape): number {
    const known = this.#positions.get(record);
    if (known !== undefined) return known;
    this.#shapes.set(record, shape);
    this.#positions.set(record, this.#shapes.size);
    return this.#shapes.size;
  }

  /** Three keys per limit, then the others. */
  keys(others: readonly string[]): readonly string[] {
    return [...this.#shapes.keys()].flatMap((record) => this.#keyspace.ofRecord(record)).concat(others);
  }

  /** @param serverMs About what the server's clock shows, for calendars. */
  argument(fields: Readonly<Record<string, unknown>>, serverMs: number): string {
    const cells = [...this.#shapes.values()].map((shape) => {
      const periods = periodsOf(shape, serverMs);
      return periods === undefined ? [shape] : [shape, periods];
    });
    return JSON.stringify({ ...fields, cells });
  }
}
