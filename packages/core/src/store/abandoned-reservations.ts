import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { LedgerStore } from "./state-store.ts";

/** The reservations of one id that are under way. */
interface UnderWay {
  /** Only the latest may be given up: an earlier one is the same hold, which the latest may have got. */
  latest: object;
  /** A release that the next reservation must not overtake. */
  releasing: Promise<void> | undefined;
}

/** How something is taken that may be held from then on. */
export interface Taking<R> {
  readonly ask: () => MaybePromise<R>;
  /** Whether an answer says that something is held now. */
  readonly mayHold: (answer: R) => boolean;
  /** Makes of the store's answer the one that is waited for, such as one with a deadline. */
  readonly inTime: (answer: MaybePromise<R>) => MaybePromise<R>;
}

/**
 * Makes reservations whose answer may be lost, and gives back what such a one may have taken: the caller was told that
 * it failed, so nobody else would. Where even that fails, the hold's time ends it.
 */
export class AbandonedReservations {
  readonly #ledger: Pick<LedgerStore, "release">;
  readonly #underWay = new Map<string, UnderWay>();

  constructor(ledger: Pick<LedgerStore, "release">) {
    this.#ledger = ledger;
  }

  /** Takes what is held under an id; the answer a store gives later is watched until it is there. */
  take<R>(id: string, { ask, mayHold, inTime }: Taking<R>): MaybePromise<R> {
    const before = this.#underWay.get(id);
    const answer = before?.releasing ? before.releasing.then(ask) : ask();
    return isThenable(answer) ? this.#follow(id, answer, { waited: inTime(answer), mayHold }) : answer;
  }

  #follow<R>(
    id: string,
    answer: Promise<R>,
    { waited, mayHold }: { readonly waited: MaybePromise<R>; readonly mayHold: (answer: R) => boolean },
  ): MaybePromise<R> {
    const mine = {};
    const underWay = this.#underWay.get(id) ?? { latest: mine, releasing: undefined };
    underWay.latest = mine;
    this.#underWay.set(id, underWay);
    let isAbandoned = false;
    const abandon = (error: unknown): never => {
      isAbandoned = true;
      throw error;
    };
    const settled = (isHeld: boolean): void => {
      if (underWay.latest !== mine) return;
      if (isAbandoned && isHeld) this.#release(id, underWay);
      else this.#forget(id, underWay);
    };
    const result = Promise.resolve(waited).catch(abandon);
    // After whoever waits has learned of it: a failure in time is abandoned too, for the store may have taken it.
    const learned = result.then(
      () => undefined,
      () => undefined,
    );
    answer.then(
      (known) => learned.then(() => settled(mayHold(known))),
      () => learned.then(() => settled(true)),
    );
    return result;
  }

  #release(id: string, underWay: UnderWay): void {
    const ended = (): void => {
      if (underWay.releasing === done) underWay.releasing = undefined;
      this.#forget(id, underWay);
    };
    // Nobody is there to be told; its time ends what cannot be given back.
    const done: Promise<void> = new Promise<void>((resolve) => resolve(this.#ledger.release(id)))
      .catch(() => undefined)
      .then(ended);
    underWay.releasing = done;
  }

  #forget(id: string, underWay: UnderWay): void {
    if (underWay.releasing === undefined && this.#underWay.get(id) === underWay) this.#underWay.delete(id);
  }
}
