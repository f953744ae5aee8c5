import type { ReserveRequest } from "@agentplane/core";

import { NotConnected } from "../connection/connection.ts";
import { itemArguments } from "../ledger/item-arguments.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import type { Lease, LeaseExchange } from "./lease-book.ts";
import type { LedgerCall, LedgerCaller } from "../ledger/ledger-caller.ts";
import { LEASE } from "../lua/ledger-scripts.ts";
import { ScriptRequest } from "../ledger/script-request.ts";

/** A lease to be told to the server, and what is wanted of it from then on. */
export interface LeaseWish {
  readonly lease: Lease;
  /** Below it a lease is of no use: no call would fit in. */
  readonly least: number;
  /** 0 gives back what is not used. */
  readonly most: number;
}

/** What exchanging leases needs. */
export interface LeaseExchangerDeps {
  readonly caller: Pick<LedgerCaller, "call">;
  readonly keyspace: Keyspace;
  readonly ttlMs: number;
  /** This process among those that lease. */
  readonly clientId: string;
  elapsedMs(): number;
}

interface Part extends LeaseWish {
  readonly reported: number;
  readonly carried: number;
  readonly holdId: string;
  /** Where its answer stands; −1 when nothing was wanted. */
  readonly position: number;
}

interface Exchange extends LeaseExchange {
  readonly call: LedgerCall;
  readonly parts: readonly Part[];
  readonly sentAtMs: number;
}

/** Clocks that only count may drift apart by parts in ten thousand; a twentieth is plenty. */
const MARGIN = 0.05;
/** After the server had too little to lease, it is asked again after this share of a lease's time. */
const PAUSE = 0.1;

/**
 * Tells the server what was spent of leases and takes new ones, both in one round trip. An exchange whose answer was
 * lost is told again just as it was, until it is clear; until then nothing is spent of its leases.
 */
export class LeaseExchanger {
  readonly #deps: LeaseExchangerDeps;
  readonly #inDoubt = new Set<Exchange>();
  #count = 0;

  constructor(deps: LeaseExchangerDeps) {
    this.#deps = deps;
  }

  /**
   * Exchanges those that are not under way already; settles when it is over, never fails.
   * @param moved Running calls that become holds of their own: their process ends.
   */
  exchange(wishes: readonly LeaseWish[], moved: readonly ReserveRequest[] = []): Promise<void> {
    const free = wishes.filter(({ lease }) => lease.exchange === undefined);
    if (free.length + moved.length === 0) return Promise.resolve();
    const { call, parts } = this.#prepare(free, moved);
    // Both sides of one knot: the promise is made from the exchange that carries it.
    const exchange = { call, parts, sentAtMs: this.#deps.elapsedMs(), isInDoubt: false } as unknown as {
      -readonly [Member in keyof Exchange]: Exchange[Member];
    };
    for (const { lease } of parts) lease.exchange = exchange;
    exchange.done = this.#tell(exchange);
    return exchange.done;
  }

  /** Tells again what ended in doubt. */
  async retry(): Promise<void> {
    await Promise.all(Array.from(this.#inDoubt, (exchange) => this.#tell(exchange)));
  }

  #prepare(
    wishes: readonly LeaseWish[],
    moved: readonly ReserveRequest[],
  ): { readonly call: LedgerCall; readonly parts: readonly Part[] } {
    const { keyspace, ttlMs, clientId } = this.#deps;
    const request = new ScriptRequest(keyspace);
    const others: string[] = [];
    const ends: (readonly [hold: number, spent: number])[] = [];
    const wants: (readonly number[])[] = [];
    const parts = wishes.map((wish): Part => {
      const { lease, least, most } = wish;
      const limit = request.addLimit(lease.key, lease.shape);
      if (lease.holdId !== undefined) ends.push([others.push(keyspace.ofHold(lease.holdId)), lease.spent]);
      const reported = lease.holdId === undefined ? 0 : lease.spent;
      const holdId = `lease:${clientId}:${(this.#count++).toString(36)}`;
      if (most === 0 && lease.inFlight === 0) return { ...wish, reported, carried: 0, holdId, position: -1 };
      const hold = others.push(keyspace.ofHold(holdId));
      const position = wants.push([limit, hold, lease.inFlight, least, most, lease.limit]) - 1;
      return { ...wish, reported, carried: lease.inFlight, holdId, position };
    });
    const moves = moved.map(({ id, ttlMs: leftMs, items }) => [
      others.push(keyspace.ofHold(id)),
      leftMs,
      itemArguments(request, items),
    ]);
    const fields = { ends, wants, moves, ttl_ms: ttlMs, client: clientId };
    return { call: { script: LEASE, request, others: [...others, keyspace.clients], fields }, parts };
  }

  async #tell(exchange: Exchange): Promise<void> {
    try {
      const granted = await this.#deps.caller.call(exchange.call);
      this.#inDoubt.delete(exchange);
      for (const part of exchange.parts) this.#conclude(part, exchange, Number(granted[part.position] ?? 0));
    } catch (error) {
      // Certainly not sent, and not in doubt before: everything is as it was, and what is leased may be spent.
      if (error instanceof NotConnected && !exchange.isInDoubt) {
        for (const { lease } of exchange.parts) lease.exchange = undefined;
        return;
      }
      exchange.isInDoubt = true;
      this.#inDoubt.add(exchange);
    }
  }

  #conclude(part: Part, { sentAtMs }: Exchange, granted: number): void {
    const { ttlMs, elapsedMs } = this.#deps;
    const { lease, most } = part;
    lease.exchange = undefined;
    lease.spent -= part.reported;
    lease.total = part.carried + granted;
    lease.holdId = lease.total > 0 ? part.holdId : undefined;
    // The server counts from when it did it, which was not before it was sent.
    lease.untilMs = sentAtMs + ttlMs * (1 - MARGIN);
    if (most > 0 && granted === 0) lease.pausedUntilMs = elapsedMs() + ttlMs * PAUSE;
  }
}
