import { Given } from "../context/snapshot-mark.ts";
import type { CompiledWhere } from "./compile-where.ts";

/**
 * The mark of a condition that was checked: checking compiles it, and what came of that lies on it until the rule is
 * compiled. A private field: a changed copy does not carry it, and ten thousand of them cost the collector nothing.
 */
export class CheckedWhere extends Given {
  readonly #compiled: CompiledWhere;

  private constructor(spec: object, compiled: CompiledWhere) {
    super(spec);
    this.#compiled = compiled;
  }

  /**
   * Notes what a condition compiles to where a match restricts.
   * @param spec Nobody's but the checker's: it does not change any more.
   */
  static put(spec: object, compiled: CompiledWhere): void {
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    if (!(#compiled in spec)) new CheckedWhere(spec, compiled);
  }

  /** What a condition compiles to; undefined where that was not noted. */
  static of(spec: object): CompiledWhere | undefined {
    return #compiled in spec ? spec.#compiled : undefined;
  }
}
