import type { ReserveRequest } from "@agentplane/core";

import { NotConnected } from "../connection/connection.ts";
import { itemArguments } from "../ledger/item-arguments.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import type { Lease, LeaseExchange, LeasePart } from "./lease-book.ts";
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

/** Running calls that become holds of their own. */
export interface LeaseMoves {
  readonly calls: readonly ReserveRequest[];
  /** Lets them hold of their leases again, in the very moment in which these may be spent from again. */
  undo(this: void): void;
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

interface Part extends LeaseWish, LeasePart {
  readonly carried: number;
  /** Where its answer stands; −1 when nothing was wanted. */
  readonly position: number;
}

interface Exchange extends LeaseExchange {
  readonly call: LedgerCall;
  readonly parts: readonly Part[];
  /** Whether holds of calls go with it. */
  readonly hasMoves: boolean;
  /** Takes back what was done for it. */
  undo(this: void): void;
  readonly sentAtMs: number;
  isInDoubt: boolean;
}

/** Clocks that only count may drift apart by parts in ten thousand; a twentieth is plenty. */
const MARGIN = 0.05;
/** After the server had too little to lease, it is asked again after this share of a lease's time. */
const PAUSE = 0.1;
const NO_MOVES: LeaseMoves = { calls: [], undo: () => undefined };

/**
 * Tells the server what was spent of leases and takes new ones, both in one round trip. An exchange whose answer was
 * lost is told again just as it was, until it is clear; until then nothing is spent of its leases.
 */
export class LeaseExchanger {
  readonly #deps: LeaseExchangerDeps;
  readonly #inDoubt = new Set<Exchange>();
  /** Those that have ended in doubt and take holds of calls with them, also while they are told again. */
  readonly #doubtfulMoves = new Set<Exchange>();
  readonly #underWay = new Set<Promise<boolean>>();
  #count = 0;

  constructor(deps: LeaseExchangerDeps) {
    this.#deps = deps;
  }

  /**
   * Exchanges those that are not under way already; settles when it is over, never fails.
   * @param moves What they hold of their leases must be given back before, and none of these leases be under way: else
   *   the server would hold it twice, and the lease admit others for it.
   * @returns False when it was certainly not told, and all is as before.
   */
  exchange(wishes: readonly LeaseWish[], moves: LeaseMoves = NO_MOVES): Promise<boolean> {
    return this.#begin(
      wishes.filter(({ lease }) => lease.exchange === undefined),
      moves,
    );
  }

  /**
   * Returns leases for good, those too that are under way: this is sent behind that, and ends what came of it, whichever
   * that is.
   */
  leave(wishes: readonly LeaseWish[], moves: LeaseMoves): void {
    void this.#begin(wishes, moves);
  }

  #begin(wishes: readonly LeaseWish[], moves: LeaseMoves): Promise<boolean> {
    if (wishes.length + moves.calls.length === 0) return Promise.resolve(true);
    // Both sides of one knot: the promise is made from the exchange that carries it.
    const exchange = {
      ...this.#prepare(wishes, moves.calls),
      undo: moves.undo,
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
    await Promise.all(this.#underWay);
  }

  /** Settles when nothing is under way; what ended in doubt still is in doubt. */
  async settled(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- whoever waited for one may have begun the next
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /**
   * Tells moves that ended in doubt, before one of their calls is ended: it would not be found, and then be held. An end
   * may also overtake a move that is being told again, on another connection or where the server must be sent its script.
   * @returns Undefined when there are none.
   * @throws NotConnected (rejected) while the server cannot be told
   */
  arrived(): Promise<void> | undefined {
    return this.#doubtfulMoves.size === 0 ? undefined : this.#tellMoves();
  }

  async #tellMoves(): Promise<void> {
    await this.retry();
    if (this.#doubtfulMoves.size > 0) throw new NotConnected("leases");
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
    const ends: (readonly [hold: number, spent: number, wasInDoubt: 0 | 1])[] = [];
    const wants: (readonly number[])[] = [];
    const parts = wishes.map((wish): Part => {
      const { lease, limit: number, least, most } = wish;
      const limit = request.addLimit(lease.key, lease.shape);
      if (lease.holdId !== undefined)
        ends.push([others.push(keyspace.ofHold(lease.holdId)), lease.spent, lease.wasInDoubt ? 1 : 0]);
      const underWay = lease.exchange?.parts.find((part) => part.lease === lease);
      // One of the two is not there: ended by what is under way, or not made by it.
      if (underWay !== undefined)
        ends.push([others.push(keyspace.ofHold(underWay.holdId)), lease.spent - underWay.reported, 1]);
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
    const call = { script: LEASE, request, others: [...others, keyspace.clients], fields, hasDeadline: true };
    return { call, parts, hasMoves: moves.length > 0 };
  }

  async #tell(exchange: Exchange): Promise<boolean> {
    const { call } = exchange;
    const told = exchange.isInDoubt ? { ...call, fields: { ...call.fields, again: true } } : call;
    try {
      const granted = await this.#deps.caller.call(told);
      this.#doubtfulMoves.delete(exchange);
      for (const part of exchange.parts) this.#conclude(part, exchange, Number(granted[part.position] ?? 0));
      return true;
    } catch (error) {
      // Certainly not sent, and not in doubt before: everything is as it was, and what is leased may be spent.
      if (error instanceof NotConnected && !exchange.isInDoubt) {
        for (const { lease } of exchange.parts) lease.exchange = undefined;
        exchange.undo();
        return false;
      }
      exchange.isInDoubt = true;
      this.#inDoubt.add(exchange);
      if (exchange.hasMoves) this.#doubtfulMoves.add(exchange);
      return true;
    }
  }

  #conclude(part: Part, { sentAtMs, isInDoubt }: Exchange, granted: number): void {
    const { ttlMs, elapsedMs } = this.#deps;
    const { lease, limit, most } = part;
    lease.exchange = undefined;
    lease.limit = limit;
    lease.spent -= part.reported;
    lease.total = part.carried + granted;
    lease.holdId = lease.total > 0 ? part.holdId : undefined;
    lease.wasInDoubt = isInDoubt;
    // The server counts from when it did it, which was not before it was sent.
    lease.untilMs = sentAtMs + ttlMs * (1 - MARGIN);
    if (most > 0 && granted === 0) lease.pausedUntilMs = elapsedMs() + ttlMs * PAUSE;
  }
}
