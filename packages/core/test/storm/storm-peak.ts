import type { LimitSpec } from "../../src/policy/limit.ts";
import type { LedgerStore } from "../../src/store/state-store.ts";
import { moduleOf, type StoreAddress } from "./storm-plan.ts";

const LOOK_MS = 5;

/** The most that is used and held of a limit at once, from now on. */
export interface PeakWatch {
  take(): Promise<number>;
  stop(): void;
}

/** Lets the store note it, with every write of the limit; where it cannot, looks again and again. */
export async function watchPeak(
  address: StoreAddress,
  ledger: LedgerStore,
  budget: LimitSpec,
): Promise<PeakWatch> {
  const { watchPeak: watchItself, peakOf } = await moduleOf(address);
  if (watchItself !== undefined && peakOf !== undefined) {
    // Makes what it is noted in.
    await ledger.read(budget);
    await watchItself(address.options);
    return { take: () => peakOf(address.options, budget.key), stop: () => undefined };
  }
  let peak = 0;
  const look = async (): Promise<void> => {
    const { used, held } = await ledger.read(budget);
    peak = Math.max(peak, used + held);
  };
  const looking = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  return {
    async take() {
      await look();
      return peak;
    },
    stop: () => clearInterval(looking),
  };
}
