import type { LimitSpec } from "@agentplane/core";

import { shapeOf, type LimitShape } from "../ledger/limit-shape.ts";

/** What an exchange does to one lease. */
export interface LeasePart {
  readonly lease: Lease;
  /** How much of what was used it reports. */
  readonly reported: number;
  /** The hold on the server from then on, if any. */
  readonly holdId: string;
}

/** What a lease shares with others while it is told to the server. */
export interface LeaseExchange {
  /** Settles when it is over, whichever way: false when it was certainly not told, and all is as before. */
  readonly done: Promise<boolean>;
  readonly parts: readonly LeasePart[];
  /** Whether it has failed without telling whether it was done; it is told again. */
  isInDoubt: boolean;
}

/** What a process has taken of one limit in advance, and what became of it. */
export interface Lease {
  readonly key: string;
  readonly shape: LimitShape;
  /** The number that what is leased was reckoned by: by another one nothing is spent of it. */
  limit: number;
  /** The hold on the server; undefined while there is none. */
  holdId: string | undefined;
  /** The exchange that made it was told more than once; one of the tellings may still come to the server. */
  wasInDoubt: boolean;
  /** How much that hold holds. */
  total: number;
  /** Elapsed time of this process after which nothing more may be spent. */
  untilMs: number;
  /** Used and not yet reported. */
  spent: number;
  /** Held by running calls of this process. */
  inFlight: number;
  /** Under way with the server, or ended in doubt: nothing is spent until it is clear. */
  exchange: LeaseExchange | undefined;
  /** No lease is asked for before then: there was too little headroom. */
  pausedUntilMs: number;
  /** When a call was last admitted from it. */
  usedMs: number;
}

/** All leases of a process, by the key of their limits. */
export class LeaseBook {
  readonly #leases = new Map<string, Lease>();

  find(key: string): Lease | undefined {
    return this.#leases.get(key);
  }

  obtain(spec: LimitSpec): Lease {
    const known = this.#leases.get(spec.key);
    if (known !== undefined) return known;
    const lease: Lease = {
      key: spec.key,
      shape: shapeOf(spec),
      limit: spec.limit,
      holdId: undefined,
      wasInDoubt: false,
      total: 0,
      untilMs: Number.NEGATIVE_INFINITY,
      spent: 0,
      inFlight: 0,
      exchange: undefined,
      pausedUntilMs: Number.NEGATIVE_INFINITY,
      usedMs: Number.NEGATIVE_INFINITY,
    };
    this.#leases.set(spec.key, lease);
    return lease;
  }

  all(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  /** Forgets a limit of which nothing is held, nothing unreported and nothing under way. */
  dropIdle(lease: Lease): void {
    if (
      lease.holdId === undefined &&
      lease.spent === 0 &&
      lease.inFlight === 0 &&
      lease.exchange === undefined
    )
      this.#leases.delete(lease.key);
  }
}

/** What may still be spent of a lease now; negative while there is debt. */
export function freeOf(lease: Lease, elapsedMs: number): number {
  if (lease.exchange !== undefined || elapsedMs >= lease.untilMs) return 0;
  return lease.total - lease.spent - lease.inFlight;
}
