import type { MaybePromise } from "../base/maybe-promise.ts";
import { ADMIT_BEHAVIOURS } from "./admit-contract.ts";
import type { ContractCase, StoreUnderTest } from "./contract-case.ts";
import { DOCUMENT_BEHAVIOURS } from "./document-contract.ts";
import { DOCUMENT_KEY_BEHAVIOURS } from "./document-key-contract.ts";
import { LEDGER_BEHAVIOURS } from "./ledger-contract.ts";
import { LEDGER_END_BEHAVIOURS } from "./ledger-end-contract.ts";
import { PLANE_CLOCK_BEHAVIOURS } from "./plane-clock-contract.ts";
import { PLANE_RESTART_BEHAVIOURS } from "./plane-restart-contract.ts";
import { PLANE_SHARED_BEHAVIOURS } from "./plane-shared-contract.ts";
import { RESTART_BEHAVIOURS } from "./restart-contract.ts";
import { SHARED_LEDGER_BEHAVIOURS } from "./shared-ledger-contract.ts";
import { WATCH_BEHAVIOURS } from "./watch-contract.ts";
import { WINDOW_BEHAVIOURS } from "./window-contract.ts";

const BEHAVIOURS = [
  ...LEDGER_BEHAVIOURS,
  ...LEDGER_END_BEHAVIOURS,
  ...WINDOW_BEHAVIOURS,
  ...SHARED_LEDGER_BEHAVIOURS,
  ...DOCUMENT_BEHAVIOURS,
  ...DOCUMENT_KEY_BEHAVIOURS,
  ...WATCH_BEHAVIOURS,
  ...ADMIT_BEHAVIOURS,
  ...PLANE_SHARED_BEHAVIOURS,
  ...PLANE_CLOCK_BEHAVIOURS,
];
const DURABLE_BEHAVIOURS = [...RESTART_BEHAVIOURS, ...PLANE_RESTART_BEHAVIOURS];

/** The store to hold to its contract. */
export interface StateStoreContractOptions {
  readonly name: string;
  /** It outlives its process: adds the cases over a restart, for which `create` gives `reopen`. Default false. */
  readonly isDurable?: boolean;
  /** Opens a fresh, empty store for one case; it is closed afterwards. */
  create(): MaybePromise<StoreUnderTest>;
}

/**
 * The contract of a `StateStore` as cases for any test runner.
 * @example for (const { name, run } of stateStoreContract({ name: "redis", create })) test(name, run);
 */
export function stateStoreContract({
  name,
  isDurable = false,
  create,
}: StateStoreContractOptions): readonly ContractCase[] {
  const behaviours = isDurable ? [...BEHAVIOURS, ...DURABLE_BEHAVIOURS] : BEHAVIOURS;
  return behaviours.map(([behaviour, check]) => ({
    name: `${name}: ${behaviour}`,
    async run() {
      const subject = await create();
      try {
        await check(subject);
      } finally {
        await subject.second?.close();
        await subject.store.close();
      }
    },
  }));
}
