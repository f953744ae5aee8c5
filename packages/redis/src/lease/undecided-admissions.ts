import type { ReserveItem } from "@agentplane/core";

/**
 * Calls that take their limits from a lease and then write their documents: one that is called off or fails has consumed
 * nothing, and must not be why another one is refused. Whoever waits for them is none of them.
 */
export class UndecidedAdmissions {
  readonly #underWay = new Map<Promise<unknown>, readonly ReserveItem[]>();
  /** The last that was begun of each call. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /**
   * Admits the same call once at a time: what one has taken would be found by another, and given back by whichever is
   * called off.
   */
  inTurn<T>(id: string, admit: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(id);
    const turn = before === undefined ? admit() : before.then(admit, admit);
    this.#turns.set(id, turn);
    const forget = (): void => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    };
    turn.then(forget, forget);
    return turn;
  }

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
