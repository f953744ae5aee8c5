import type { MaybePromise } from "../base/maybe-promise.ts";
import type { ContractCase, StoreUnderTest } from "./contract-case.ts";
import { DOCUMENT_BEHAVIOURS } from "./document-contract.ts";
import { LEDGER_BEHAVIOURS } from "./ledger-contract.ts";

/** The store to hold to its contract. */
export interface StateStoreContractOptions {
  readonly name: string;
  /** Opens a fresh, empty store for one case; it is closed afterwards. */
  create(): MaybePromise<StoreUnderTest>;
}

/**
 * The contract of a `StateStore` as cases for any test runner.
 * @example for (const { name, run } of stateStoreContract({ name: "redis", create })) test(name, run);
 */
export function stateStoreContract({ name, create }: StateStoreContractOptions): readonly ContractCase[] {
  return [...LEDGER_BEHAVIOURS, ...DOCUMENT_BEHAVIOURS].map(([behaviour, check]) => ({
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
