import type { ReserveItem } from "@agentplane/core";

import type { LocalHold } from "./local-holds.ts";
import type { RedisLedger } from "../ledger/redis-ledger.ts";

/** What telling debts needs. */
export interface LateDebtsDeps {
  readonly remote: Pick<RedisLedger, "reserve" | "settle">;
  readonly ttlMs: number;
}

/**
 * What calls from leases used after their time was up: charged on the server, as debt if needed. What cannot be told now
 * is told later.
 */
export class LateDebts {
  readonly #deps: LateDebtsDeps;
  readonly #untold = new Map<string, readonly ReserveItem[]>();

  constructor(deps: LateDebtsDeps) {
    this.#deps = deps;
  }

  /** How many the server has not heard of. */
  get size(): number {
    return this.#untold.size;
  }

  /**
   * Charges the end of a call. Charged at its time, it is charged for the rest; given back at its time, for all.
   * @throws AgentplaneError `state_failed` when the server cannot be told now
   */
  async settle(id: string, hold: LocalHold, actuals: readonly (number | undefined)[]): Promise<void> {
    const items = hold.items.flatMap((item, position): ReserveItem[] => {
      const counted = item.expired === "charge" ? item.amount : 0;
      const missing = (actuals[position] ?? item.amount) - counted;
      return missing > 0 ? [{ ...item, amount: missing, isSoft: true, expired: "charge" }] : [];
    });
    if (items.length > 0) await this.#tell(`late:${id}`, items);
  }

  /** Tells again what could not be told; never fails. */
  async retry(): Promise<void> {
    const untold = [...this.#untold];
    // Out first: of one that is told twice at the same time each would be a charge of its own.
    this.#untold.clear();
    await Promise.allSettled(untold.map(async ([id, items]) => this.#tell(id, items)));
  }

  async #tell(id: string, items: readonly ReserveItem[]): Promise<void> {
    const { remote, ttlMs } = this.#deps;
    try {
      await remote.reserve({ id, ttlMs, items });
    } catch (error) {
      this.#untold.set(id, items);
      throw error;
    }
    // From here on the hold is charged at its time, and the ledger itself tells again an end that failed.
    await remote.settle(id, []);
  }
}
