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

import { LeaseBook, type Lease } from "./lease-book.ts";
import type { LeaseExchanger, LeaseWish } from "./lease-exchange.ts";
import { isLeasable, isLeased, LeaseNeeds, returned } from "./lease-needs.ts";
import { LeaseReturn } from "./lease-return.ts";
import { LocalHolds } from "./local-holds.ts";
import { MovedHolds } from "./moved-holds.ts";
import type { RedisLedger } from "../ledger/redis-ledger.ts";
import { UndecidedAdmissions } from "./undecided-admissions.ts";

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
  readonly #needs: LeaseNeeds;
  readonly moved: MovedHolds;
  /** Calls whose limits are taken, and that may yet be called off. */
  readonly undecided = new UndecidedAdmissions();
  readonly #returns: LeaseReturn;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: LeasedLedgerDeps) {
    this.#deps = deps;
    this.#needs = new LeaseNeeds({ ...deps, book: this.#book });
    this.moved = new MovedHolds({ ...deps, local: this.#local });
    this.#returns = new LeaseReturn({ ...deps, book: this.#book, local: this.#local });
    this.#schedule();
  }

  /** Whether all limits of a request are of the kind that is leased. */
  mayLease({ id, items }: ReserveRequest): boolean {
    return !this.#isClosed && !this.#deps.remote.knows(id) && items.every(isLeasable);
  }

  reserve(request: ReserveRequest): MaybePromise<Reservation> {
    checkRequest(request);
    const moving = this.moved.moving(request.id);
    if (moving !== undefined) return moving.then(() => this.reserve(request));
    if (this.#isTaken(request)) return GRANTED;
    return this.mayLease(request)
      ? this.#exchanged(request, () => this.#isTaken(request), "reserve")
      : this.#remotely(request, "reserve");
  }

  probe(request: ReserveRequest): MaybePromise<Reservation> {
    checkRequest(request);
    const { id, items } = request;
    if (this.#local.isHeld(request)) return GRANTED;
    // What a call holds already counts for it: only the server tells what would fit without.
    if (this.#isClosed || this.#local.get(id) !== undefined || !items.every(isLeasable))
      return this.#remotely(request, "probe");
    const isCovered = (): boolean => this.#needs.uncovered(items).length === 0;
    return isCovered() ? GRANTED : this.#exchanged(request, isCovered, "probe");
  }

  settle(id: string, actuals: readonly (number | undefined)[]): MaybePromise<void> {
    for (const actual of actuals) if (actual !== undefined) checkAmount(actual, "a settled amount");
    const moving = this.moved.moving(id);
    if (moving !== undefined) return moving.then(() => this.settle(id, actuals));
    const hold = this.#local.get(id);
    return hold === undefined ? this.#deps.remote.settle(id, actuals) : this.#local.settle(id, hold, actuals);
  }

  release(id: string): MaybePromise<void> {
    const moving = this.moved.moving(id);
    if (moving !== undefined) return moving.then(() => this.release(id));
    const hold = this.#local.get(id);
    return hold === undefined ? this.#deps.remote.release(id) : this.#local.release(id, hold);
  }

  renew(id: string, ttlMs: number): MaybePromise<void> {
    checkTtl(ttlMs);
    const moving = this.moved.moving(id);
    if (moving !== undefined) return moving.then(() => this.renew(id, ttlMs));
    const hold = this.#local.get(id);
    if (hold === undefined) return this.#deps.remote.renew(id, ttlMs);
    const elapsedMs = this.#deps.elapsedMs();
    // One whose time is up is about to be moved: its room may then be another's.
    if (hold.dueMs > elapsedMs) this.#local.renew(id, ttlMs, elapsedMs);
  }

  /** What the server says, with the own lease shown as what became of it; the leases of others count as held. */
  async read(spec: LimitSpec): Promise<LimitState> {
    await this.moved.exchange([], (lease) => this.#continued(lease));
    const state = await this.#deps.remote.read(spec);
    const lease = this.#book.find(spec.key);
    if (lease?.holdId === undefined || lease.exchange !== undefined) return state;
    const { total, spent, inFlight } = lease;
    // A call counts when it is taken, an amount when it is settled.
    const [begun, held] = spec.measure === "calls" ? [inFlight, 0] : [0, inFlight];
    return { ...state, used: state.used + spent + begun, held: Math.max(0, state.held - total) + held };
  }

  grant(spec: LimitSpec, amount: number): Promise<void> {
    return this.#deps.remote.grant(spec, amount);
  }

  async reset(key: string): Promise<void> {
    const lease = this.#book.find(key);
    const { spent = 0, holdId, exchange } = lease ?? {};
    await this.#deps.remote.reset(key);
    // What is used meanwhile still counts; so does what was told meanwhile, for nobody knows whether before or after.
    if (
      lease !== undefined &&
      exchange === undefined &&
      lease.exchange === undefined &&
      lease.holdId === holdId
    )
      lease.spent -= spent;
  }

  /** Gives everything back that is not used; what calls hold becomes holds of their own. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer?.();
    await this.#deps.exchanger.retry();
    await this.#returns.all();
  }

  /** As `close`, of a process that ends this moment: all is sent before this returns, and no answer is waited for. */
  leave(): void {
    this.#isClosed = true;
    this.#returns.now();
  }

  /** As `LeaseExchanger.arrived` does. */
  arrived(): Promise<void> | undefined {
    return this.#deps.exchanger.arrived();
  }

  /** Makes room for a refused call, as far as it is this process that takes it; returns whether it may fit now. */
  async makeRoom(items: readonly ReserveItem[]): Promise<boolean> {
    const hasWaited = await this.undecided.decided(items);
    return (await this.#giveBack(items)) || hasWaited;
  }

  /**
   * Gives back what is leased of a call's limits and not used, and what calls hold whose time is up; returns whether that is
   * another amount than before.
   */
  async #giveBack(items: readonly ReserveItem[]): Promise<boolean> {
    const hasWaited = await this.#needs.exchanged(items);
    return (await this.moved.exchange(this.#needs.unused(items), returned)) || hasWaited;
  }

  /** Takes a request from leases, in the place of what the same call held of them. */
  #isTaken(request: ReserveRequest): boolean {
    const elapsedMs = this.#deps.elapsedMs();
    if (!this.#local.isHeld(request)) return this.mayLease(request) && this.#local.take(request, elapsedMs);
    this.#local.renew(request.id, request.ttlMs, elapsedMs);
    return true;
  }

  /** Leases what is missing, then admits from it, or asks the server about the whole request. */
  async #exchanged(request: ReserveRequest, isAdmitted: () => boolean, way: Way): Promise<Reservation> {
    for (let round = 0; round < MAX_ROUNDS && !this.#isClosed; round++) {
      const missing = this.#needs.uncovered(request.items);
      const busy = missing.flatMap(({ lease }) => lease.exchange ?? []);
      if (busy.length === 0 && (missing.length === 0 || !this.#needs.isWorthIt(missing))) break;
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
    const { remote } = this.#deps;
    await this.moved.moveOut(request.id);
    let answer = await remote[way](request);
    if (!answer.isGranted && (await this.#giveBack(request.items))) answer = await remote[way](request);
    return answer;
  }

  async #keep(): Promise<void> {
    const { exchanger, ttlMs } = this.#deps;
    await exchanger.retry();
    // Whoever closes gives them back.
    if (this.#isClosed) return;
    const elapsedMs = this.#deps.elapsedMs();
    const aging = this.#book
      .all()
      .filter((lease) => isLeased(lease) && elapsedMs >= lease.untilMs - ttlMs / 2);
    await this.moved.exchange(aging, (lease) => this.#continued(lease));
    for (const lease of this.#book.all()) this.#book.dropIdle(lease);
  }

  /** Takes a lease anew that was used lately; gives back another. */
  #continued(lease: Lease): LeaseWish {
    const { ttlMs } = this.#deps;
    return lease.usedMs > this.#deps.elapsedMs() - ttlMs
      ? { lease, limit: lease.limit, least: 1, most: this.#needs.mostOf(lease) }
      : returned(lease);
  }

  #schedule(): void {
    this.#stopTimer = this.#deps.timers.set(() => {
      void this.#keep().finally(() => {
        if (!this.#isClosed) this.#schedule();
      });
    }, this.#deps.ttlMs / 4);
  }
}
