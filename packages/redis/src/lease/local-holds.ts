import type { ReserveItem, ReserveRequest } from "@agentplane/core";

import { freeOf, type Lease, type LeaseBook } from "./lease-book.ts";
import type { LeaseMoves } from "./lease-exchange.ts";

/** What a running call holds of leases. */
export interface LocalHold {
  readonly items: readonly ReserveItem[];
  /** By position; undefined where nothing was asked for. */
  readonly leases: readonly (Lease | undefined)[];
  /** Elapsed time of this process at which its time is up. */
  dueMs: number;
  /** Its time was up without an end: it was charged or given back, item by item. */
  hasExpired: boolean;
}

/** How long after its time the end of a call still finds what it took. */
const LATE_END_MS = 86_400_000;

/** The holds of calls that were admitted from leases: in this process alone, without any round trip. */
export class LocalHolds {
  readonly #holds = new Map<string, LocalHold>();
  readonly #book: LeaseBook;

  constructor(book: LeaseBook) {
    this.#book = book;
  }

  get(id: string): LocalHold | undefined {
    return this.#holds.get(id);
  }

  /** Whether a call runs under that id whose time is not up. */
  isRunning(id: string): boolean {
    return this.#holds.get(id)?.hasExpired === false;
  }

  /** Whether a running call holds just what is asked for. */
  isHeld({ id, items: wanted }: ReserveRequest): boolean {
    const hold = this.#holds.get(id);
    if (hold === undefined || hold.hasExpired || hold.items.length !== wanted.length) return false;
    return hold.items.every(
      ({ spec, amount }, at) => wanted[at]?.spec.key === spec.key && wanted[at]?.amount === amount,
    );
  }

  /** The leases that a running call holds of, each once. */
  leasesOf(id: string): readonly Lease[] {
    return [...new Set(this.#holds.get(id)?.leases.flatMap((lease) => lease ?? []))];
  }

  /** Lets a call run on whose time is not up. */
  renew(id: string, ttlMs: number, elapsedMs: number): void {
    const hold = this.#holds.get(id);
    if (hold?.hasExpired === false) hold.dueMs = elapsedMs + ttlMs;
  }

  /** Takes every item of a request from leases, in the place of what the same call holds; or leaves all as it is. */
  take(request: ReserveRequest, elapsedMs: number): boolean {
    const earlier = this.#holds.get(request.id);
    const isRunning = earlier?.hasExpired === false;
    if (isRunning) giveBack(earlier.items, earlier.leases);
    const leases = this.#takenFrom(request, elapsedMs);
    if (leases === undefined) {
      if (isRunning) takeAgain(earlier.items, earlier.leases);
      return false;
    }
    this.#put(request, leases, elapsedMs);
    return true;
  }

  /** Ends a hold with what was really used by position. */
  settle(id: string, hold: LocalHold, actuals: readonly (number | undefined)[]): void {
    this.#holds.delete(id);
    for (const [position, { amount }] of hold.items.entries()) {
      const lease = hold.leases[position];
      if (lease === undefined) continue;
      lease.inFlight -= amount;
      lease.spent += actuals[position] ?? amount;
    }
  }

  release(id: string, hold: LocalHold): void {
    this.#holds.delete(id);
    if (!hold.hasExpired) giveBack(hold.items, hold.leases);
  }

  /** Forgets a hold whose end was dealt with otherwise. */
  delete(id: string): void {
    this.#holds.delete(id);
  }

  /** Forgets a call whose time was up: another one has its id now. */
  forgetEnded(id: string): void {
    if (!this.isRunning(id)) this.#holds.delete(id);
  }

  /** Lets the time of holds be up. */
  sweep(elapsedMs: number): void {
    for (const [id, hold] of this.#holds) {
      if (hold.dueMs > elapsedMs) continue;
      if (hold.hasExpired) this.#holds.delete(id);
      else expire(hold);
    }
  }

  /**
   * Takes out calls that still run, with what is left of their time, and gives back what they took.
   * @param isWanted Which of them.
   */
  drain(elapsedMs: number, isWanted: (id: string, hold: LocalHold) => boolean): LeaseMoves {
    const running = Array.from(this.#holds).filter(
      ([id, hold]) => !hold.hasExpired && hold.dueMs > elapsedMs && isWanted(id, hold),
    );
    for (const [id, hold] of running) this.release(id, hold);
    return {
      calls: running.map(([id, { items, dueMs }]) => ({ id, items, ttlMs: Math.ceil(dueMs - elapsedMs) })),
      undo: () => {
        for (const [id, hold] of running) {
          takeAgain(hold.items, hold.leases);
          this.#holds.set(id, hold);
        }
      },
    };
  }

  #put({ id, ttlMs, items }: ReserveRequest, leases: LocalHold["leases"], elapsedMs: number): void {
    this.#holds.set(id, { items, leases, dueMs: elapsedMs + ttlMs, hasExpired: false });
  }

  #takenFrom({ items }: ReserveRequest, elapsedMs: number): LocalHold["leases"] | undefined {
    const leases: (Lease | undefined)[] = [];
    for (const item of items) {
      const lease = item.amount === 0 ? undefined : this.#covering(item, elapsedMs);
      if (lease === undefined && item.amount > 0) {
        giveBack(items, leases);
        return undefined;
      }
      if (lease !== undefined) {
        lease.inFlight += item.amount;
        lease.usedMs = elapsedMs;
      }
      leases.push(lease);
    }
    return leases;
  }

  #covering({ spec, amount }: ReserveItem, elapsedMs: number): Lease | undefined {
    const lease = this.#book.find(spec.key);
    if (lease === undefined || lease.limit !== spec.limit) return undefined;
    return amount <= freeOf(lease, elapsedMs) ? lease : undefined;
  }
}

function giveBack(items: readonly ReserveItem[], leases: readonly (Lease | undefined)[]): void {
  for (const [position, lease] of leases.entries())
    if (lease !== undefined) lease.inFlight -= items[position]?.amount ?? 0;
}

function takeAgain(items: readonly ReserveItem[], leases: readonly (Lease | undefined)[]): void {
  for (const [position, lease] of leases.entries())
    if (lease !== undefined) lease.inFlight += items[position]?.amount ?? 0;
}

function expire(hold: LocalHold): void {
  hold.hasExpired = true;
  hold.dueMs += LATE_END_MS;
  for (const [position, { amount, expired }] of hold.items.entries()) {
    const lease = hold.leases[position];
    if (lease === undefined) continue;
    lease.inFlight -= amount;
    if (expired === "charge") lease.spent += amount;
  }
}
