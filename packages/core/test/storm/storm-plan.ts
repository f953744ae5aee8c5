import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import type { LimitSpec } from "../../src/policy/limit.ts";
import type { StateStore } from "../../src/store/state-store.ts";

/** How a store is opened in any process: a module that exports `openState`, and what it is called with. */
export interface StoreAddress {
  /** A URL or an absolute path. */
  readonly module: string;
  /** JSON. */
  readonly options: unknown;
  /** So much a process may have taken in advance, and nobody knows what it used of it when it is killed. Default 0. */
  readonly takenInAdvance?: number;
}

/** What such a module exports. */
export interface StoreModule {
  openState(options: unknown): MaybePromise<StateStore>;
  /** Removes what a storm has left on a server. */
  dropState?(options: unknown): Promise<void>;
  /** Lets the store itself note the most that was used and held at once; where it cannot, the storm looks now and then. */
  watchPeak?(options: unknown): Promise<void>;
  /** What was noted of a limit. */
  peakOf?(options: unknown, key: string): Promise<number>;
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

/** One line of a log. A call that is ended after its time was charged or given back already: its end may be debt. */
export type LogLine = readonly [
  act: "reserving" | "granted" | "refused" | "late" | "settling" | "settled" | "releasing" | "released",
  id: string,
  /** Reserved or settled. */
  amount: number,
  expired: "charge" | "release",
];

/** What an address names. */
export async function moduleOf({ module }: StoreAddress): Promise<StoreModule> {
  // The address names such a module.
  return (await import(module)) as StoreModule;
}

/** Opens a store by its address. */
export async function openStore(address: StoreAddress): Promise<StateStore> {
  const { openState } = await moduleOf(address);
  return openState(address.options);
}

/** Removes what a storm has left on a server. */
export async function dropStore(address: StoreAddress): Promise<void> {
  const { dropState } = await moduleOf(address);
  await dropState?.(address.options);
}
