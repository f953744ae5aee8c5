import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import type { LimitSpec } from "../../src/policy/limit.ts";
import type { StateStore } from "../../src/store/state-store.ts";

/** How a store is opened in any process: a module that exports `openState`, and what it is called with. */
export interface StoreAddress {
  /** A URL or an absolute path. */
  readonly module: string;
  /** JSON. */
  readonly options: unknown;
}

/** What such a module exports. */
export interface StoreModule {
  openState(options: unknown): MaybePromise<StateStore>;
  /** Removes what a storm has left on a server. */
  dropState?(options: unknown): Promise<void>;
}

/** What one process does in one round. */
export interface WorkerOrders {
  readonly store: StoreAddress;
  readonly budget: LimitSpec;
  readonly callers: number;
  /** Where it notes what it is about to do, and what came of it. */
  readonly log: string;
  readonly ttlMs: number;
  /** Makes ids of this process and round its own. */
  readonly name: string;
  /** `leave`: every call is reserved once and never ended. */
  readonly ends: "mixed" | "leave";
  readonly reservationsPerCaller: number;
}

/** One line of a log. */
export type LogLine = readonly [
  act: "reserving" | "granted" | "refused" | "settling" | "settled" | "releasing" | "released",
  id: string,
  /** Reserved or settled. */
  amount: number,
  expired: "charge" | "release",
];

/** Opens a store by its address. */
export async function openStore({ module, options }: StoreAddress): Promise<StateStore> {
  // The address names such a module.
  const { openState } = (await import(module)) as StoreModule;
  return openState(options);
}

/** Removes what a storm has left on a server. */
export async function dropStore({ module, options }: StoreAddress): Promise<void> {
  // The address names such a module.
  const { dropState } = (await import(module)) as StoreModule;
  await dropState?.(options);
}
