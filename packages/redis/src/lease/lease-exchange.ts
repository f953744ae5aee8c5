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
  /** The limit's number that it is reckoned by. */
  readonly limit: number;
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
  /** Whether holds of calls go with it. */
  readonly hasMoves: boolean;
  readonly sentAtMs: number;
  isInDoubt: boolean;
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
  readonly #underWay = new Set<Promise<boolean>>();
  #count = 0;

  constructor(deps: LeaseExchangerDeps) {
    this.#deps = deps;
  }

  /**
   * Exchanges those that are not under way already; settles when it is over, never fails.
   * @param moved Running calls that become holds of their own: their process ends.
   * @returns False when it was certainly not told, and all is as before.
   */
  exchange(wishes: readonly LeaseWish[], moved: readonly ReserveRequest[] = []): Promise<boolean> {
    const free = wishes.filter(({ lease }) => lease.exchange === undefined);
    if (free.length + moved.length === 0) return Promise.resolve(true);
    // Both sides of one knot: the promise is made from the exchange that carries it.
    const exchange = {
      ...this.#prepare(free, moved),
      sentAtMs: this.#deps.elapsedMs(),
      isInDoubt: false,
    } as unknown as {
      -readonly [Member in keyof Exchange]: Exchange[Member];
    };
    for (const { lease } of exchange.parts) lease.exchange = exchange;
    exchange.done = this.#started(exchange);
    return exchange.done;
  }

  /** Tells again what ended in doubt; settles when nothing is told that was under way by now. */
  async retry(): Promise<void> {
    for (const exchange of this.#inDoubt) void this.#started(exchange);
    // Out of it while it is told: of one that is told twice at once, each would be reckoned.
    this.#inDoubt.clear();
    await this.settled();
  }

  /** Settles when nothing is under way; what ended in doubt still is in doubt. */
  async settled(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- whoever waited for one may have begun the next
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /**
   * Tells moves that ended in doubt, before one of their calls is ended: it would not be found, and then be held.
   * @returns Undefined when there are none.
   * @throws NotConnected (rejected) while the server cannot be told
   */
  arrived(): Promise<void> | undefined {
    return this.#hasMovesInDoubt() ? this.#tellMoves() : undefined;
  }

  async #tellMoves(): Promise<void> {
    await this.retry();
    if (this.#hasMovesInDoubt()) throw new NotConnected("leases");
  }

  #hasMovesInDoubt(): boolean {
    for (const { hasMoves } of this.#inDoubt) if (hasMoves) return true;
    return false;
  }

  #started(exchange: Exchange): Promise<boolean> {
    const done = this.#tell(exchange).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
    return done;
  }

  #prepare(
    wishes: readonly LeaseWish[],
    moved: readonly ReserveRequest[],
  ): Pick<Exchange, "call" | "parts" | "hasMoves"> {
    const { keyspace, ttlMs, clientId } = this.#deps;
    const request = new ScriptRequest(keyspace);
    const others: string[] = [];
    const ends: (readonly [hold: number, spent: number])[] = [];
    const wants: (readonly number[])[] = [];
    const parts = wishes.map((wish): Part => {
      const { lease, limit: number, least, most } = wish;
      const limit = request.addLimit(lease.key, lease.shape);
      if (lease.holdId !== undefined) ends.push([others.push(keyspace.ofHold(lease.holdId)), lease.spent]);
      const reported = lease.holdId === undefined ? 0 : lease.spent;
      const holdId = `lease:${clientId}:${(this.#count++).toString(36)}`;
      if (most === 0 && lease.inFlight === 0) return { ...wish, reported, carried: 0, holdId, position: -1 };
      const hold = others.push(keyspace.ofHold(holdId));
      const position = wants.push([limit, hold, lease.inFlight, least, most, number]) - 1;
      return { ...wish, reported, carried: lease.inFlight, holdId, position };
    });
    const moves = moved.map(({ id, ttlMs: leftMs, items }) => [
      others.push(keyspace.ofHold(id)),
      leftMs,
      itemArguments(request, items),
    ]);
    // What is moved once may have ended by the time that it is told again.
    const once =
      moves.length === 0
        ? 0
        : others.push(keyspace.ofHold(`moved:${clientId}:${(this.#count++).toString(36)}`));
    const fields = { ends, wants, moves, once, ttl_ms: ttlMs, client: clientId };
    const call = { script: LEASE, request, others: [...others, keyspace.clients], fields };
    return { call, parts, hasMoves: moves.length > 0 };
  }

  async #tell(exchange: Exchange): Promise<boolean> {
    try {
      const granted = await this.#deps.caller.call(exchange.call);
      for (const part of exchange.parts) this.#conclude(part, exchange, Number(granted[part.position] ?? 0));
      return true;
    } catch (error) {
      // Certainly not sent, and not in doubt before: everything is as it was, and what is leased may be spent.
      if (error instanceof NotConnected && !exchange.isInDoubt) {
        for (const { lease } of exchange.parts) lease.exchange = undefined;
        return false;
      }
      exchange.isInDoubt = true;
      this.#inDoubt.add(exchange);
      return true;
    }
  }

  #conclude(part: Part, { sentAtMs }: Exchange, granted: number): void {
    const { ttlMs, elapsedMs } = this.#deps;
    const { lease, limit, most } = part;
    lease.exchange = undefined;
    lease.limit = limit;
    lease.spent -= part.reported;
    lease.total = part.carried + granted;
    lease.holdId = lease.total > 0 ? part.holdId : undefined;
    // The server counts from when it did it, which was not before it was sent.
    lease.untilMs = sentAtMs + ttlMs * (1 - MARGIN);
    if (most > 0 && granted === 0) lease.pausedUntilMs = elapsedMs() + ttlMs * PAUSE;
  }
}
