import type { LimitSpec, ReserveItem } from "@agentplane/core";

import { freeOf, type Lease, type LeaseBook } from "./lease-book.ts";
import type { LeaseWish } from "./lease-exchange.ts";
import { isExactLog } from "../ledger/limit-shape.ts";

/** What reckoning leases needs. */
export interface LeaseNeedsDeps {
  readonly book: LeaseBook;
  /** The most of one limit that is taken at once; undefined for a hundredth of it. */
  readonly max: number | undefined;
  elapsedMs(): number;
}

/** Which leases calls need beside those there are, and how much of them is asked for. */
export class LeaseNeeds {
  readonly #deps: LeaseNeedsDeps;

  constructor(deps: LeaseNeedsDeps) {
    this.#deps = deps;
  }

  /** What is missing for a call. */
  uncovered(items: readonly ReserveItem[]): readonly LeaseWish[] {
    const { book, elapsedMs } = this.#deps;
    const wanted = new Map<string, { spec: LimitSpec; least: number }>();
    for (const { spec, amount } of items)
      wanted.set(spec.key, { spec, least: (wanted.get(spec.key)?.least ?? 0) + amount });
    return [...wanted.values()].flatMap(({ spec, least }) => {
      const lease = book.obtain(spec);
      if (least === 0 || (lease.limit === spec.limit && least <= freeOf(lease, elapsedMs()))) return [];
      return [{ lease, limit: spec.limit, least, most: this.mostOf(spec) }];
    });
  }

  /** Whether asking for what is missing may help: it is not larger than a lease, and there was headroom lately. */
  isWorthIt(missing: readonly LeaseWish[]): boolean {
    const elapsedMs = this.#deps.elapsedMs();
    return missing.every(({ lease, least, most }) => least <= most && elapsedMs >= lease.pausedUntilMs);
  }

  mostOf({ limit }: Pick<LimitSpec, "limit">): number {
    return this.#deps.max ?? Math.max(1, Math.floor(limit / 100));
  }

  /** What this process has leased of a call's limits and does not use. */
  unused(items: readonly ReserveItem[]): readonly Lease[] {
    return this.#leasesOf(items).filter(
      (lease) => isLeased(lease) && lease.total > lease.spent + lease.inFlight,
    );
  }

  /**
   * Waits for what is exchanged of a call's limits by now: until then nobody knows what of it is unused.
   * @returns Whether anything was, and is clear.
   */
  async exchanged(items: readonly ReserveItem[]): Promise<boolean> {
    const underWay = this.#leasesOf(items).flatMap(({ exchange }) => exchange ?? []);
    await Promise.all(underWay.map(({ done }) => done));
    return underWay.some(({ isInDoubt }) => !isInDoubt);
  }

  #leasesOf(items: readonly ReserveItem[]): readonly Lease[] {
    return [...new Set(items.flatMap(({ spec }) => this.#deps.book.find(spec.key) ?? []))];
  }
}

/** A hard limit that need not remember each call: soft ones report every breach, exact logs every moment. */
export function isLeasable({ spec, isSoft }: ReserveItem): boolean {
  return !isSoft && !isExactLog(spec);
}

/** Whether something is leased, and clear what. */
export function isLeased({ holdId, exchange }: Lease): boolean {
  return holdId !== undefined && exchange === undefined;
}

/** Whether something is leased, or may be by now. */
export function isTaken({ holdId, exchange }: Lease): boolean {
  return holdId !== undefined || exchange !== undefined;
}

/** Gives back what running calls do not hold. */
export function returned(lease: Lease): LeaseWish {
  return { lease, limit: lease.limit, least: 0, most: 0 };
}
