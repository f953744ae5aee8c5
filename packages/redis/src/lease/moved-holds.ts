import { NotConnected } from "../connection/connection.ts";
import type { Lease } from "./lease-book.ts";
import type { LeaseExchanger, LeaseMoves, LeaseWish } from "./lease-exchange.ts";
import { returned } from "./lease-needs.ts";
import type { LocalHold, LocalHolds, WhichHolds } from "./local-holds.ts";
import type { RedisLedger } from "../ledger/redis-ledger.ts";

/** What moving holds needs. */
export interface MovedHoldsDeps {
  readonly local: LocalHolds;
  readonly exchanger: LeaseExchanger;
  readonly remote: Pick<RedisLedger, "learn">;
  elapsedMs(): number;
}

/** Makes of what calls hold from leases holds of their own on the server, which judges and ends them as any other. */
export class MovedHolds {
  readonly #deps: MovedHoldsDeps;
  readonly #moving = new Map<string, Promise<boolean>>();

  constructor(deps: MovedHoldsDeps) {
    this.#deps = deps;
  }

  /** Settles when it is clear where a call is held; undefined when it is. Never fails. */
  moving(id: string): Promise<unknown> | undefined {
    return this.#moving.get(id)?.catch(() => undefined);
  }

  /**
   * Moves what a call holds, where it holds something.
   * @returns Whether it did.
   * @throws AgentplaneError `state_failed` while the server cannot be told: then it is held as before
   */
  async moveOut(id: string): Promise<boolean> {
    const underWay = this.#moving.get(id);
    if (underWay !== undefined) return underWay;
    if (this.#deps.local.get(id) === undefined) return false;
    return this.#underWay([id], this.#move(id));
  }

  /**
   * Exchanges leases, and moves in the same round trip what calls hold whose time is up, where it is clear what of their
   * leases is used: the server charges it or gives it back, and what such a call really used is told there.
   * @param wishOf What is wanted of these leases and of those that such calls hold of.
   * @returns Whether there was anything to tell.
   */
  async exchange(leases: readonly Lease[], wishOf: (lease: Lease) => LeaseWish): Promise<boolean> {
    const { local, elapsedMs } = this.#deps;
    const isDue: WhichHolds = (id, hold) => hold.dueMs <= elapsedMs() && isClear(id, hold);
    const all = new Set([...leases, ...local.leasesOf(isDue)]);
    const moves = local.drain(elapsedMs(), isDue);
    if (all.size + moves.calls.length === 0) return false;
    const ids = moves.calls.map(({ id }) => id);
    await this.#underWay(ids, this.#tell([...all].map(wishOf), moves));
    return true;
  }

  async #move(id: string): Promise<boolean> {
    const { local, elapsedMs } = this.#deps;
    const isThis: WhichHolds = (other) => other === id;
    const exchanges = () => local.leasesOf(isThis).flatMap(({ exchange }) => exchange ?? []);
    for (let busy = exchanges(); busy.length > 0; busy = exchanges()) {
      if (busy.some(({ isInDoubt }) => isInDoubt)) throw new NotConnected("leases");
      // oxlint-disable-next-line no-await-in-loop -- near a limit one exchange follows the other
      await Promise.all(busy.map(({ done }) => done));
    }
    // From the look to the exchange nothing is awaited: one that begins between them carries the call on, and what is
    // moved as well would be held twice.
    const leases = local.leasesOf(isThis);
    const moves = local.drain(elapsedMs(), isThis);
    if (moves.calls.length === 0) return false;
    if (!(await this.#tell(leases.map(returned), moves))) throw new NotConnected("leases");
    return true;
  }

  /** @returns False when it was certainly not told, and all is as before. */
  async #tell(wishes: readonly LeaseWish[], moves: LeaseMoves): Promise<boolean> {
    const isTold = await this.#deps.exchanger.exchange(wishes, moves);
    if (isTold) for (const call of moves.calls) this.#deps.remote.learn(call);
    return isTold;
  }

  /** Until it is clear where calls are held, nobody ends them. */
  #underWay(ids: readonly string[], moving: Promise<boolean>): Promise<boolean> {
    const done = moving.finally(() => {
      for (const id of ids) this.#moving.delete(id);
    });
    for (const id of ids) this.#moving.set(id, done);
    return done;
  }
}

/** What is held of a lease that is under way or in doubt stays with it. */
export function isClear(_id: string, { leases }: LocalHold): boolean {
  return leases.every((lease) => lease?.exchange === undefined);
}
