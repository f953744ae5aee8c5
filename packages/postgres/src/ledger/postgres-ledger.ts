import { randomBytes } from "node:crypto";

import {
  AgentplaneError,
  type LedgerStore,
  type LimitSpec,
  type LimitState,
  type Reservation,
  type ReserveRequest,
} from "@agentplane/core";
import { checkAmount, checkReservationId, checkRequest, checkTtl } from "@agentplane/core/store";

import type { OwnPorts } from "../own-ports.ts";
import { ServerFailure } from "../server-failure.ts";
import type { LedgerQueue } from "./ledger-queue.ts";
import { describeGrant, describeRequest, digestOf, type Described, type Operation } from "./operation.ts";
import type { ServerClock } from "./server-clock.ts";
import { UnfinishedEnds, type HoldEnd } from "./unfinished-ends.ts";

/** What a ledger is made of. */
export interface PostgresLedgerDeps {
  readonly queue: LedgerQueue;
  readonly clock: ServerClock;
  /** How long a request is waited for, in ms: after it, it must not take anything any more. */
  readonly timeoutMs: number;
  readonly ports: OwnPorts;
}

/** Counters and budgets on a server: every operation is one statement, all or nothing. */
export class PostgresLedger implements LedgerStore {
  readonly #deps: PostgresLedgerDeps;
  readonly #unfinished: UnfinishedEnds;
  /** Reservations on their way, by id; never rejected. */
  readonly #taking = new Map<string, Promise<unknown>>();
  /** Tells attempts of this process from those of others. */
  readonly #name = randomBytes(9).toString("base64url");
  #attempts = 0;

  constructor(deps: PostgresLedgerDeps) {
    this.#deps = deps;
    this.#unfinished = new UnfinishedEnds({ ports: deps.ports, end: (id, how) => this.#end(id, how) });
  }

  async reserve(request: ReserveRequest): Promise<Reservation> {
    checkRequest(request);
    const { operation, specs } = describeRequest("reserve", request);
    const ids = [request.id];
    const by = `${this.#name}${(++this.#attempts).toString(36)}`;
    const send = (until: number | undefined): Promise<unknown> =>
      this.#deps.queue.run({ operation: { ...operation, by, until }, specs });
    return reservationOf(request, await this.#noted(ids, this.#takingAll(ids, send, false)));
  }

  /** Gives back what a reservation takes whose answer was lost, once it can no longer be taken; others may make it again. */
  lost({ hold, by, until }: Operation): void {
    if (hold === undefined || typeof by !== "string") return;
    this.#unfinished.add(by, { afterMs: Number(until), of: { hold, by } });
  }

  /**
   * Takes requests of admissions in one step, whose ids are their own; those whose answer is lost are given back.
   * @param send Is told the server's time from which on they can no longer be taken. `late` is sent once more.
   */
  taking<R>(ids: readonly string[], send: (untilMs: number | undefined) => Promise<R>): Promise<R> {
    return this.#noted(ids, this.#takingAll(ids, send, true));
  }

  async probe(request: ReserveRequest): Promise<Reservation> {
    checkRequest(request);
    return reservationOf(request, await this.#deps.queue.run(describeRequest("probe", request)));
  }

  async settle(id: string, actuals: readonly (number | undefined)[]): Promise<void> {
    checkReservationId(id);
    for (const actual of actuals) if (actual !== undefined) checkAmount(actual, "a settled amount");
    await this.#finish(id, { actuals });
  }

  async release(id: string): Promise<void> {
    checkReservationId(id);
    await this.#finish(id, { afterMs: undefined });
  }

  async renew(id: string, ttlMs: number): Promise<void> {
    checkReservationId(id);
    checkTtl(ttlMs);
    await this.#now({ op: "renew", hold: digestOf(id), ttl: Math.ceil(ttlMs) });
  }

  async read(spec: LimitSpec): Promise<LimitState> {
    const answer = await this.#run({ op: "read", cell: digestOf(spec.key) });
    return {
      used: numberIn(answer, "used"),
      held: numberIn(answer, "held"),
      limit: spec.limit + numberIn(answer, "granted"),
    };
  }

  async grant(spec: LimitSpec, amount: number): Promise<void> {
    checkAmount(amount, "a granted amount");
    await this.#deps.queue.run(describeGrant(spec, amount));
  }

  async reset(key: string): Promise<void> {
    await this.#run({ op: "reset", cell: digestOf(key) });
  }

  close(): void {
    this.#unfinished.close();
  }

  async #noted<R>(ids: readonly string[], taken: Promise<R>): Promise<R> {
    const done = taken.catch(() => undefined);
    for (const id of ids) this.#taking.set(id, done);
    try {
      return await taken;
    } finally {
      for (const id of ids) if (this.#taking.get(id) === done) this.#taking.delete(id);
    }
  }

  async #takingAll<R>(
    ids: readonly string[],
    send: (untilMs: number | undefined) => Promise<R>,
    isOnce: boolean,
  ): Promise<R> {
    for (const id of ids) this.#unfinished.forget(id);
    const sent: { untilMs?: number | undefined } = {};
    try {
      return await this.#inTime(send, sent);
    } catch (error) {
      // Whether it was taken is not known, and who asked has given up. Of those that others may make again the queue tells.
      if (isOnce && error instanceof ServerFailure && error.kind === "unknown")
        for (const id of ids) this.#unfinished.add(id, { afterMs: sent.untilMs, isOnce });
      throw error;
    }
  }

  async #finish(id: string, how: HoldEnd): Promise<void> {
    // On another connection its end could come before it, and find nothing.
    await this.#taking.get(id);
    const lost = this.#unfinished.get(id);
    const isLost = lost !== undefined && "afterMs" in lost && lost.isOnce === true;
    // What the server may still come to is given back then, too; now, in case it has come to it.
    if (isLost && "afterMs" in how) return void (await this.#end(id, how));
    this.#unfinished.forget(id);
    try {
      if (!(await this.#end(id, how))) throw tooSlow();
    } catch (error) {
      this.#unfinished.add(id, how);
      throw error;
    }
  }

  /** @returns Whether it is done; false while the reservation might still be taken, and when it came too late. */
  async #end(id: string, how: HoldEnd): Promise<boolean> {
    const { hold, ...of } = "of" in how && how.of !== undefined ? how.of : { hold: digestOf(id) };
    // An estimate that stands is null: JSON has no undefined.
    const operation: Operation =
      "actuals" in how
        ? { op: "settle", hold, actuals: how.actuals.map((actual) => actual ?? null) }
        : { op: "release", hold, ...of, ...(how.afterMs !== undefined && { after: how.afterMs }) };
    const answer = await this.#now(operation);
    return answer !== "early" && answer !== "late";
  }

  /**
   * Has something done to a hold as long as its caller waits: a connection that hangs may bring it when the same id is
   * that of a call made again.
   * @param sent Gets the server's time from which on it can no longer be done.
   */
  async #inTime<R>(
    send: (untilMs: number | undefined) => Promise<R>,
    sent: { untilMs?: number | undefined } = {},
  ): Promise<R> {
    const { clock, timeoutMs } = this.#deps;
    const once = (): Promise<R> => {
      sent.untilMs = clock.afterMs(timeoutMs);
      return send(sent.untilMs);
    };
    const answer = await once();
    // Answered in time and yet too late: the server's clock was changed, and its answer brought the new time.
    return answer === "late" ? once() : answer;
  }

  #now(operation: Operation): Promise<unknown> {
    return this.#inTime((until) => this.#deps.queue.run(alone({ ...operation, until })));
  }

  #run(operation: Operation): Promise<unknown> {
    return this.#deps.queue.run(alone(operation));
  }
}

/** An operation that makes no limit. */
function alone(operation: Operation): Described {
  return { operation, specs: new Map() };
}

function tooSlow(): ServerFailure {
  return new ServerFailure("PostgreSQL was too slow; nothing was changed", { kind: "refused" });
}

/** @param answers By position: null where the item fits, else `{ retryAfterMs }`. */
export function reservationOf({ items }: ReserveRequest, answers: unknown): Reservation {
  if (answers === "late") throw tooSlow();
  if (!Array.isArray(answers) || answers.length !== items.length)
    throw new ServerFailure("PostgreSQL: the ledger answered with something else", { kind: "unknown" });
  const breaches = answers.flatMap((answer: unknown, index) => {
    if (answer === null) return [];
    const retryAfterMs = retryIn(answer);
    return retryAfterMs === undefined ? [{ index }] : [{ index, retryAfterMs }];
  });
  return { isGranted: !breaches.some(({ index }) => items[index]?.isSoft === false), breaches };
}

function retryIn(answer: unknown): number | undefined {
  const wait =
    typeof answer === "object" && answer !== null && "retryAfterMs" in answer ? answer.retryAfterMs : null;
  return wait === null ? undefined : Number(wait);
}

function numberIn(answer: unknown, name: string): number {
  const found: unknown =
    typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;
  if (typeof found === "number") return found;
  throw new AgentplaneError("state_failed", `PostgreSQL: the ledger answered without "${name}"`);
}
