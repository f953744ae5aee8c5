import type { LimitSpec } from "../policy/limit.ts";
import type { MemoryLedger } from "../store/memory-ledger.ts";
import type { LedgerStore, LimitState, Reservation, ReserveRequest } from "../store/state-store.ts";
import { concernOf, type SqliteLedger } from "./sqlite-ledger.ts";
import { nextTurn } from "./sqlite-send-group.ts";
import type { Concern } from "./sqlite-working-set.ts";

/** One operation that waits for its transaction. */
interface Waiting {
  readonly concern: Concern;
  /** @returns Tells whoever waits, once the transaction is done. */
  run(ledger: MemoryLedger): () => void;
  readonly failed: (error: unknown) => void;
}

/** As for groups of calls: so that one transaction stays short. */
const MAX_TOGETHER = 64;

/** Counters and budgets in a file: what is reserved and ended at once shares a transaction. */
export class SqliteGroupedLedger implements LedgerStore {
  readonly #inner: SqliteLedger;
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(inner: SqliteLedger) {
    this.#inner = inner;
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#enter(concernOf(request), (ledger) => ledger.reserve(request));
  }

  probe(request: ReserveRequest): Reservation {
    return this.#inner.probe(request);
  }

  settle(id: string, actuals: readonly (number | undefined)[]): Promise<void> {
    return this.#enter(ofHold(id), (ledger) => ledger.settle(id, actuals));
  }

  release(id: string): Promise<void> {
    return this.#enter(ofHold(id), (ledger) => ledger.release(id));
  }

  renew(id: string, ttlMs: number): Promise<void> {
    return this.#enter(ofHold(id), (ledger) => ledger.renew(id, ttlMs));
  }

  read(spec: LimitSpec): LimitState {
    return this.#inner.read(spec);
  }

  grant(spec: LimitSpec, amount: number): void {
    this.#inner.grant(spec, amount);
  }

  reset(key: string): void {
    this.#inner.reset(key);
  }

  #enter<T>(concern: Concern, work: (ledger: MemoryLedger) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = (ledger: MemoryLedger): (() => void) => {
        try {
          const answer = work(ledger);
          return () => resolve(answer);
        } catch (error) {
          // What was asked for is wrong; nothing was done of it, and the others do not care.
          return () => reject(error);
        }
      };
      this.#waiting.push({ concern, run, failed: reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Never rejects: everybody is told. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // oxlint-disable-next-line no-await-in-loop -- one transaction after the other
      await nextTurn();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await this.#runOnce(this.#waiting.splice(0, MAX_TOGETHER));
    }
    this.#isRunning = false;
  }

  async #runOnce(together: readonly Waiting[]): Promise<void> {
    try {
      const tell: (() => void)[] = [];
      await this.#inner.together(
        together.map(({ concern }) => concern),
        (ledger) => tell.push(...together.map(({ run }) => run(ledger))),
      );
      for (const one of tell) one();
    } catch (error) {
      for (const { failed } of together) failed(error);
    }
  }
}

function ofHold(id: string): Concern {
  return { holdIds: [id], keys: [] };
}
