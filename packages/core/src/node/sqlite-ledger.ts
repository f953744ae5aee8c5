import type { LimitSpec } from "../policy/limit.ts";
import { MemoryLedger } from "../store/memory-ledger.ts";
import type { LedgerStore, LimitState, Reservation, ReserveRequest } from "../store/state-store.ts";
import type { SqliteClock } from "./sqlite-clock.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { SqliteWorkingSet, type Concern } from "./sqlite-working-set.ts";

/** Counters and budgets in a file: one transaction per operation, whatever the number of limits. */
export class SqliteLedger implements LedgerStore {
  readonly #database: SqliteDatabase;
  readonly #clock: SqliteClock;

  constructor(database: SqliteDatabase, clock: SqliteClock) {
    this.#database = database;
    this.#clock = clock;
  }

  reserve(request: ReserveRequest): Reservation {
    return this.#write(concernOf(request), (ledger) => ledger.reserve(request));
  }

  /** The same within a transaction that does more. */
  reserveWithin(request: ReserveRequest): Reservation {
    return this.within(concernOf(request), (ledger) => ledger.reserve(request));
  }

  /** Several operations in one transaction, in turn with the event loop. @param concerns All that they concern. */
  together(concerns: readonly Concern[], work: (ledger: MemoryLedger) => void): Promise<void> {
    this.#clock.check();
    return this.#database.writeInTurn(() => this.within(joined(concerns), work));
  }

  probe(request: ReserveRequest): Reservation {
    return this.#view(concernOf(request), (ledger) => ledger.probe(request));
  }

  settle(id: string, actuals: readonly (number | undefined)[]): void {
    this.#write({ holdIds: [id], keys: [] }, (ledger) => ledger.settle(id, actuals));
  }

  release(id: string): void {
    this.#write({ holdIds: [id], keys: [] }, (ledger) => ledger.release(id));
  }

  renew(id: string, ttlMs: number): void {
    this.#write({ holdIds: [id], keys: [] }, (ledger) => ledger.renew(id, ttlMs));
  }

  read(spec: LimitSpec): LimitState {
    return this.#view({ holdIds: [], keys: [spec.key] }, (ledger) => ledger.read(spec));
  }

  grant(spec: LimitSpec, amount: number): void {
    this.#write({ holdIds: [], keys: [spec.key] }, (ledger) => ledger.grant(spec, amount));
  }

  reset(key: string): void {
    this.#write({ holdIds: [], keys: [key] }, (ledger) => ledger.reset(key));
  }

  #write<T>(concern: Concern, work: (ledger: MemoryLedger) => T): T {
    this.#clock.check();
    return this.#database.write(() => this.within(concern, work));
  }

  /** Work on what is concerned, within a transaction that does more. */
  within<T>(concern: Concern, work: (ledger: MemoryLedger) => T): T {
    // Asked within the transaction: whoever waited for it must not come with a time before the last writer's.
    const { ledger, set } = this.#open(concern);
    const result = work(ledger);
    set.save();
    this.#clock.note();
    return result;
  }

  /** What time has changed is judged and not written: a question takes no lock. */
  #view<T>(concern: Concern, work: (ledger: MemoryLedger) => T): T {
    this.#clock.check();
    return this.#database.view(() => work(this.#open(concern).ledger));
  }

  #open(concern: Concern): { ledger: MemoryLedger; set: SqliteWorkingSet } {
    const nowMs = this.#clock.nowMs();
    const set = new SqliteWorkingSet(this.#database, concern, nowMs);
    return { set, ledger: new MemoryLedger(() => nowMs, set.tables) };
  }
}

/** What a reservation concerns. */
export function concernOf({ id, items }: ReserveRequest): Concern {
  return { holdIds: [id], keys: items.map(({ spec }) => spec.key) };
}

/** All that several operations concern. */
export function joined(concerns: readonly Concern[]): Concern {
  return {
    holdIds: concerns.flatMap(({ holdIds }) => holdIds),
    keys: concerns.flatMap(({ keys }) => keys),
  };
}
