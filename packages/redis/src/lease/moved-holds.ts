import { NotConnected } from "../connection/connection.ts";
import type { LeaseExchanger } from "./lease-exchange.ts";
import { returned } from "./lease-needs.ts";
import type { LocalHolds } from "./local-holds.ts";
import type { RedisLedger } from "../ledger/redis-ledger.ts";

/** What moving holds needs. */
export interface MovedHoldsDeps {
  readonly local: LocalHolds;
  readonly exchanger: LeaseExchanger;
  readonly remote: Pick<RedisLedger, "learn">;
  elapsedMs(): number;
}

/** Makes of what a running call holds from leases a hold of its own on the server, which judges it as any other. */
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
    if (!this.#deps.local.isRunning(id)) return false;
    const moving = this.#move(id).finally(() => this.#moving.delete(id));
    this.#moving.set(id, moving);
    return moving;
  }

  async #move(id: string): Promise<boolean> {
    const { local, exchanger, remote, elapsedMs } = this.#deps;
    const exchanges = () => local.leasesOf(id).flatMap(({ exchange }) => exchange ?? []);
    for (let busy = exchanges(); busy.length > 0; busy = exchanges()) {
      if (busy.some(({ isInDoubt }) => isInDoubt)) throw new NotConnected("leases");
      // oxlint-disable-next-line no-await-in-loop -- near a limit one exchange follows the other
      await Promise.all(busy.map(({ done }) => done));
    }
    // From the look to the exchange nothing is awaited: one that begins between them carries the call on, and what is
    // moved as well would be held twice.
    local.sweep(elapsedMs());
    const leases = local.leasesOf(id);
    const moves = local.drain(elapsedMs(), (running) => running === id);
    const [moved] = moves.calls;
    if (moved === undefined) return false;
    if (!(await exchanger.exchange(leases.map(returned), moves))) throw new NotConnected("leases");
    remote.learn(moved);
    return true;
  }
}
