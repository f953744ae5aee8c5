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

  constructor(deps: MovedHoldsDeps) {
    this.#deps = deps;
  }

  /**
   * Moves what a call holds, where it holds something.
   * @returns Whether it did.
   * @throws AgentplaneError `state_failed` while the server cannot be told: then it is held as before
   */
  async moveOut(id: string): Promise<boolean> {
    const { local, exchanger, remote, elapsedMs } = this.#deps;
    if (!local.isRunning(id)) return false;
    await Promise.all(local.leasesOf(id).flatMap(({ exchange }) => exchange?.done ?? []));
    local.sweep(elapsedMs());
    const leases = local.leasesOf(id);
    if (leases.some(({ exchange }) => exchange !== undefined)) throw new NotConnected("leases");
    const [moved] = local.drain(elapsedMs(), [id]);
    if (moved === undefined) return false;
    const before = leases.map(({ holdId }) => holdId);
    await exchanger.exchange(leases.map(returned), [moved]);
    // Told, a lease is another one from then on, or in doubt.
    if (leases.some(({ exchange, holdId }, at) => exchange === undefined && holdId === before[at])) {
      // Nobody has taken it meanwhile: whoever waits for the same leases goes on after this.
      local.hold(moved, leases, elapsedMs());
      throw new NotConnected("leases");
    }
    remote.learn(moved);
    return true;
  }
}
