import type { ReserveItem } from "@agentplane/core";

/**
 * Calls that take their limits from a lease and then write their documents: one that is called off or fails has consumed
 * nothing, and must not be why another one is refused. Whoever waits for them is none of them.
 */
export class UndecidedAdmissions {
  readonly #underWay = new Map<Promise<unknown>, readonly ReserveItem[]>();

  /** @param decided Settles when the call is admitted, or what it took is given back. */
  add<T>(items: readonly ReserveItem[], decided: Promise<T>): Promise<T> {
    this.#underWay.set(decided, items);
    const forget = (): void => void this.#underWay.delete(decided);
    decided.then(forget, forget);
    return decided;
  }

  /** Waits for those that have taken of the same limits. @returns Whether there were any. */
  async decided(items: readonly ReserveItem[]): Promise<boolean> {
    if (this.#underWay.size === 0) return false;
    const keys = new Set(items.map(({ spec }) => spec.key));
    const concerned = Array.from(this.#underWay).filter(([, taken]) =>
      taken.some(({ spec }) => keys.has(spec.key)),
    );
    await Promise.allSettled(concerned.map(([decided]) => decided));
    return concerned.length > 0;
  }
}
