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
}

/** Which holds are meant. */
export type WhichHolds = (id: string, hold: LocalHold) => boolean;

/**
 * The holds of calls that were admitted from leases: in this process alone, without any round trip. One whose time is up
 * stays until it was moved to the server, which charges it or gives it back, and finds it when the call ends late.
 */
export class LocalHolds {
  readonly #holds = new Map<string, LocalHold>();
  readonly #book: LeaseBook;

  constructor(book: LeaseBook) {
    this.#book = book;
  }

  get(id: string): LocalHold | undefined {
    return this.#holds.get(id);
  }

  /** Whether a call holds just what is asked for. */
  isHeld({ id, items: wanted }: ReserveRequest): boolean {
    const hold = this.#holds.get(id);
    if (hold === undefined || hold.items.length !== wanted.length) return false;
    return hold.items.every(
      ({ spec, amount }, at) => wanted[at]?.spec.key === spec.key && wanted[at]?.amount === amount,
    );
  }

  /** The leases that some holds are of, each once. */
  leasesOf(isWanted: WhichHolds): readonly Lease[] {
    const wanted = Array.from(this.#holds).filter(([id, hold]) => isWanted(id, hold));
    return [...new Set(wanted.flatMap(([, { leases }]) => leases.flatMap((lease) => lease ?? [])))];
  }

  /** Lets a call hold on. */
  renew(id: string, ttlMs: number, elapsedMs: number): void {
    const hold = this.#holds.get(id);
    if (hold !== undefined) hold.dueMs = elapsedMs + ttlMs;
  }

  /** Takes every item of a request from leases, in the place of what the same call holds; or leaves all as it is. */
  take(request: ReserveRequest, elapsedMs: number): boolean {
    const earlier = this.#holds.get(request.id);
    if (earlier !== undefined) giveBack(earlier.items, earlier.leases);
    const leases = this.#takenFrom(request, elapsedMs);
    if (leases === undefined) {
      if (earlier !== undefined) takeAgain(earlier.items, earlier.leases);
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
    giveBack(hold.items, hold.leases);
  }

  /** Takes holds out, with what is left of their time (less than nothing where it is up), and gives back what they took. */
  drain(elapsedMs: number, isWanted: WhichHolds): LeaseMoves {
    const wanted = Array.from(this.#holds).filter(([id, hold]) => isWanted(id, hold));
    for (const [id, hold] of wanted) this.release(id, hold);
    return {
      calls: wanted.map(([id, { items, dueMs }]) => ({ id, items, ttlMs: Math.ceil(dueMs - elapsedMs) })),
      undo: () => {
        for (const [id, hold] of wanted) {
          takeAgain(hold.items, hold.leases);
          this.#holds.set(id, hold);
        }
      },
    };
  }

  #put({ id, ttlMs, items }: ReserveRequest, leases: LocalHold["leases"], elapsedMs: number): void {
    this.#holds.set(id, { items, leases, dueMs: elapsedMs + ttlMs });
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
