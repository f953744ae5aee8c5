import type { MaybePromise } from "../base/maybe-promise.ts";
import type { StateStore } from "../store/state-store.ts";

/** A fresh, empty store and the hand on its clock. */
export interface StoreUnderTest {
  readonly store: StateStore;
  /** Lets time pass for the store: a fake clock's step, or a real wait. */
  advanceMs(durationMs: number): MaybePromise<void>;
  /**
   * Another process on the same state; left out by a store that one process has for itself. Where the store could see
   * the process's own clock, give it one that is hours off: it must change nothing.
   */
  readonly second?: StateStore;
  /** Opens the same state once more, as a process does that is started later; needed by a store that is durable. */
  reopen?(): MaybePromise<StateStore>;
}

/** One behaviour of a contract; fails by throwing, so that any test runner can run it. */
export interface ContractCase {
  readonly name: string;
  run(): Promise<void>;
}

/** A behaviour to be checked on a fresh store. */
export type Behaviour = readonly [name: string, check: (subject: StoreUnderTest) => Promise<void>];
