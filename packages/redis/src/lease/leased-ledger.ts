import type {
  LedgerStore,
  LimitSpec,
  LimitState,
  MaybePromise,
  Reservation,
  ReserveItem,
  ReserveRequest,
  Timers,
} from "@agentplane/core";
import { checkAmount, checkRequest, checkTtl } from "@agentplane/core/store";

import { LeaseBook, freeOf, type Lease } from "./lease-book.ts";
import type { LeaseExchanger, LeaseWish } from "./lease-exchange.ts";
import { LateDebts } from "./late-debts.ts";
import { isExactLog } from "../ledger/limit-shape.ts";
import { LocalHolds, type LocalHold } from "./local-holds.ts";
import type { RedisLedger } from "../ledger/redis-ledger.ts";

/** What a ledger with leases is made of. */
export interface LeasedLedgerDeps {
  readonly remote: RedisLedger;
  readonly exchanger: LeaseExchanger;
  readonly timers: Timers;
  readonly ttlMs: number;
  /** The most of one limit that is taken at once; undefined for a hundredth of it. */
  readonly max: number | undefined;
  elapsedMs(): number;
}

type Way = "reserve" | "probe";

/** A lease may be taken away by calls that waited for it too; then it is tried again, this often. */
const MAX_ROUNDS = 3;
const GRANTED: Reservation = Object.freeze({ isGranted: true, breaches: Object.freeze([]) });

/**
 * A ledger that admits from shares taken in advance, without a round trip, where every limit of a call allows it: hard
 * ones that do not remember each call. All other calls go to the server, whole.
 */
export class LeasedLedger implements LedgerStore {
  readonly #deps: LeasedLedgerDeps;
  readonly #book = new LeaseBook();
  readonly #local = new LocalHolds(this.#book);
  readonly #debts: LateDebts;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: LeasedLedgerDeps) {
    this.#deps = deps;
    this.#debts = new LateDebts(deps);
    this.#schedule();
  }

  /** Whether all limits of a request are of the kind that is leased. */
  mayLease({ id, items }: ReserveRequest): boolean {
    return !this.#isClosed && !this.#deps.remote.knows(id) && items.every(isLeasable);
  }

  reserve(request: ReserveRequest): MaybePromise<Reservation> {
    checkRequest(request);
    const { id, items, ttlMs } = request;
    const earlier = this.#local.get(id);
    const elapsedMs = this.#deps.elapsedMs();
    if (earlier !== undefined) {
      if (!earlier.hasExpired && isSame(earlier, items)) {
        earlier.dueMs = elapsedMs + ttlMs;
        return GRANTED;
      }
      // Judged anew, without what it took before.
      this.#local.release(id, earlier);
    }
    if (!this.mayLease(request)) return this.#remotely(request, "reserve");
    if (this.#local.take(request, elapsedMs)) return GRANTED;
    return this.#exchanged(request, () => this.#local.take(request, this.#deps.elapsedMs()));
  }

  probe(request: ReserveRequest): MaybePromise<Reservation> {
    checkRequest(request);
    const earlier = this.#local.get(request.id);
    if (earlier !== undefined && !earlier.hasExpired && isSame(earlier, request.items)) return GRANTED;
    const isCovered = (): boolean => this.#uncovered(request.items).length === 0;
    if (this.#isClosed || !request.items.every(isLeasable)) return this.#remotely(request, "probe");
    return isCovered() ? GRANTED : this.#exchanged(request, isCovered, "probe");
  }

  settle(id: string, actuals: readonly (number | undefined)[]): MaybePromise<void> {
    for (const actual of actuals) if (actual !== undefined) checkAmount(actual, "a settled amount");
    const hold = this.#local.get(id);
    if (hold === undefined) return this.#deps.remote.settle(id, actuals);
    if (!hold.hasExpired) return this.#local.settle(id, hold, actuals);
    this.#local.delete(id);
    return this.#debts.settle(id, hold, actuals);
  }

  release(id: string): MaybePromise<void> {
    const hold = this.#local.get(id);
    return hold === undefined ? this.#deps.remote.release(id) : this.#local.release(id, hold);
  }

  renew(id: string, ttlMs: number): MaybePromise<void> {
    checkTtl(ttlMs);
    const hold = this.#local.get(id);
    if (hold === undefined) return this.#deps.remote.renew(id, ttlMs);
    if (!hold.hasExpired) hold.dueMs = this.#deps.elapsedMs() + ttlMs;
  }

  /** What the server says, with the own lease shown as what became of it; the leases of others count as held. */
  async read(spec: LimitSpec): Promise<LimitState> {
    const state = await this.#deps.remote.read(spec);
    const lease = this.#book.find(spec.key);
    if (lease?.holdId === undefined || lease.exchange !== undefined) return state;
    const { total, spent, inFlight } = lease;
    return { ...state, used: state.used + spent, held: Math.max(0, state.held - total) + inFlight };
  }

  grant(spec: LimitSpec, amount: number): Promise<void> {
    return this.#deps.remote.grant(spec, amount);
  }

  async reset(key: string): Promise<void> {
    await this.#deps.remote.reset(key);
    const lease = this.#book.find(key);
    if (lease !== undefined && lease.exchange === undefined) lease.spent = 0;
  }

  /**
   * Gives everything back that is not used; what running calls hold becomes holds of their own.
   * @returns How many ends of calls the server could not be told of.
   */
  async close(): Promise<number> {
    this.#isClosed = true;
    this.#stopTimer?.();
    await this.#deps.exchanger.retry();
    await this.#debts.retry();
    await this.#giveBack();
    return this.#debts.size;
  }

  /** As `close`, of a process that ends this moment: all is sent before this returns, and no answer is waited for. */
  leave(): void {
    this.#isClosed = true;
    void this.#giveBack();
  }

  #giveBack(): Promise<void> {
    this.#local.sweep(this.#deps.elapsedMs());
    const running = this.#local.drain(this.#deps.elapsedMs());
    return this.#deps.exchanger.exchange(this.#book.all().filter(isLeased).map(returned), running);
  }

  /** Leases what is missing, then admits from it, or asks the server about the whole request. */
  async #exchanged(
    request: ReserveRequest,
    isAdmitted: () => boolean,
    way: Way = "reserve",
  ): Promise<Reservation> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const missing = this.#uncovered(request.items);
      const busy = missing.flatMap(({ lease }) => lease.exchange ?? []);
      if (busy.length === 0 && missing.length > 0 && !this.#isWorthIt(missing)) break;
      // oxlint-disable-next-line no-await-in-loop -- each round sees what the last one left
      await (busy.length > 0
        ? Promise.all(busy.map(({ done }) => done))
        : this.#deps.exchanger.exchange(missing));
      if (isAdmitted()) return GRANTED;
    }
    return this.#remotely(request, way);
  }

  /** A refusal may be by what this very process has leased and not used: that is given back first. */
  async #remotely(request: ReserveRequest, way: Way): Promise<Reservation> {
    const { remote, exchanger } = this.#deps;
    const answer = await remote[way](request);
    if (answer.isGranted) return answer;
    const own = request.items.flatMap(({ spec }) => this.#book.find(spec.key) ?? []);
    const unused = own.filter((lease) => isLeased(lease) && lease.total > lease.spent + lease.inFlight);
    if (unused.length === 0) return answer;
    await exchanger.exchange(unused.map(returned));
    return remote[way](request);
  }

  #isWorthIt(missing: readonly LeaseWish[]): boolean {
    const elapsedMs = this.#deps.elapsedMs();
    return missing.every(({ lease, least, most }) => least <= most && elapsedMs >= lease.pausedUntilMs);
  }

  #uncovered(items: readonly ReserveItem[]): readonly LeaseWish[] {
    const wanted = new Map<string, { spec: LimitSpec; least: number }>();
    for (const { spec, amount } of items)
      wanted.set(spec.key, { spec, least: (wanted.get(spec.key)?.least ?? 0) + amount });
    return [...wanted.values()].flatMap(({ spec, least }) => {
      const lease = this.#book.obtain(spec);
      if (least === 0 || (lease.limit === spec.limit && least <= freeOf(lease, this.#deps.elapsedMs())))
        return [];
      if (lease.exchange === undefined) lease.limit = spec.limit;
      return [{ lease, least, most: this.#mostOf(lease) }];
    });
  }

  #mostOf({ limit }: Lease): number {
    return this.#deps.max ?? Math.max(1, Math.floor(limit / 100));
  }

  async #keep(): Promise<void> {
    const { exchanger, ttlMs } = this.#deps;
    const elapsedMs = this.#deps.elapsedMs();
    this.#local.sweep(elapsedMs);
    await exchanger.retry();
    await this.#debts.retry();
    const aging = this.#book
      .all()
      .filter((lease) => isLeased(lease) && elapsedMs >= lease.untilMs - ttlMs / 2);
    await exchanger.exchange(
      aging.map((lease) =>
        lease.usedMs > elapsedMs - ttlMs ? { lease, least: 1, most: this.#mostOf(lease) } : returned(lease),
      ),
    );
    for (const lease of this.#book.all()) this.#book.dropIdle(lease);
  }

  #schedule(): void {
    this.#stopTimer = this.#deps.timers.set(() => {
      void this.#keep().finally(() => {
        if (!this.#isClosed) this.#schedule();
      });
    }, this.#deps.ttlMs / 4);
  }
}

/** A hard limit that need not remember each call: soft ones report every breach, exact logs every moment. */
function isLeasable({ spec, isSoft }: ReserveItem): boolean {
  return !isSoft && !isExactLog(spec);
}

function isLeased({ holdId, exchange }: Lease): boolean {
  return holdId !== undefined && exchange === undefined;
}

function returned(lease: Lease): LeaseWish {
  return { lease, least: 0, most: 0 };
}

function isSame({ items }: LocalHold, wanted: readonly ReserveItem[]): boolean {
  return (
    items.length === wanted.length &&
    items.every(({ spec, amount }, at) => wanted[at]?.spec.key === spec.key && wanted[at]?.amount === amount)
  );
}
