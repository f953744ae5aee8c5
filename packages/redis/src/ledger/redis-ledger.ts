import { randomBytes } from "node:crypto";

import {
  AgentplaneError,
  type LedgerStore,
  type LimitSpec,
  type LimitState,
  type Reservation,
  type ReserveRequest,
} from "@agentplane/core";
import { checkAmount, checkRequest, checkTtl } from "@agentplane/core/store";

import { NotConnected } from "../connection/connection.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import { KnownHolds } from "./known-holds.ts";
import type { LedgerCaller } from "./ledger-caller.ts";
import { itemArguments } from "./item-arguments.ts";
import { shapeOf } from "./limit-shape.ts";
import { ADMIT, END, GRANT, PROBE, READ, RENEW, RESERVE, RESET } from "../lua/ledger-scripts.ts";
import type { Script } from "../connection/script.ts";
import { ScriptRequest } from "./script-request.ts";
import type { HoldEnd, UnfinishedEnds } from "./unfinished-ends.ts";

/** What a ledger is made of. */
export interface RedisLedgerDeps {
  readonly caller: Pick<LedgerCaller, "call">;
  readonly keyspace: Keyspace;
  /** Where ends go that could not be told. */
  readonly unfinished: Pick<UnfinishedEnds, "add" | "addLost" | "forget" | "mayStillCome">;
  /** What must have arrived before a hold is ended; undefined for nothing. */
  readonly beforeEnd?: () => Promise<void> | undefined;
}

/** Keys and arguments that belong together in a script. */
export interface ScriptPart {
  readonly keys: readonly string[];
  readonly texts: readonly string[];
}

/** What a group takes, and what it asks about beside that. */
export interface AdmitRequests {
  readonly takes: readonly ReserveRequest[];
  readonly probes: readonly ReserveRequest[];
}

/** Counters and budgets on a server: each operation is one script, hence one round trip and atomic. */
export class RedisLedger implements LedgerStore {
  readonly #deps: RedisLedgerDeps;
  readonly #known = new KnownHolds();
  /** Tells attempts of this process from those of others. */
  readonly #name = randomBytes(9).toString("base64url");
  #attempts = 0;

  constructor(deps: RedisLedgerDeps) {
    this.#deps = deps;
  }

  /** Whether this process has made that reservation here and not ended it. */
  knows(id: string): boolean {
    return this.#known.get(id) !== undefined;
  }

  /** This process has made that reservation in another way. */
  learn(request: ReserveRequest): void {
    this.#known.set(request.id, this.#requestOf(request).script.limits);
  }

  async reserve(request: ReserveRequest): Promise<Reservation> {
    checkRequest(request);
    const by = `${this.#name}${(++this.#attempts).toString(36)}`;
    return this.#taking(
      [request],
      () => this.#ask(RESERVE, request, { by }),
      (id) => this.#deps.unfinished.addLost(id, by),
    );
  }

  /** Takes requests and writes documents, or does nothing of it; see `ADMIT`. */
  async admit(
    { takes, probes }: AdmitRequests,
    documents: readonly ScriptPart[],
  ): Promise<readonly unknown[]> {
    const { caller, keyspace } = this.#deps;
    const all = [...takes, ...probes];
    const [only] = takes;
    const isAlone = only !== undefined && all.length === 1;
    // What one alone goes on with must be named; beside others it is not judged.
    const request = new ScriptRequest(keyspace, isAlone ? this.#known.get(only.id) : undefined);
    const ops = all.map(({ items, ttlMs }, at) => ({
      items: itemArguments(request, items),
      ttl_ms: Math.ceil(ttlMs),
      is_probe: at >= takes.length,
    }));
    const unknown = takes.filter(({ id }) => !this.knows(id));
    for (const take of takes)
      this.#known.set(take.id, isAlone ? request.limits : this.#requestOf(take).script.limits);
    const ask = (): Promise<readonly unknown[]> =>
      caller.call({
        script: ADMIT,
        request,
        others: [...all.map(({ id }) => keyspace.ofHold(id)), ...documents.flatMap(({ keys }) => keys)],
        fields: { ops, documents: documents.length },
        texts: documents.flatMap(({ texts }) => texts),
        hasDeadline: true,
      });
    // Nobody else makes a reservation under the id of an admission in one step.
    const answer = await this.#taking(takes, ask, (id) => this.#deps.unfinished.addLost(id));
    if (answer[0] !== "done") for (const { id } of unknown) this.#known.delete(id);
    return answer;
  }

  async probe(request: ReserveRequest): Promise<Reservation> {
    checkRequest(request);
    return this.#ask(PROBE, request);
  }

  async settle(id: string, actuals: readonly (number | undefined)[]): Promise<void> {
    for (const actual of actuals) if (actual !== undefined) checkAmount(actual, "a settled amount");
    return this.#finish(id, actuals);
  }

  async release(id: string): Promise<void> {
    return this.#finish(id, "release");
  }

  async renew(id: string, ttlMs: number): Promise<void> {
    checkTtl(ttlMs);
    await this.#callHold(RENEW, id, { ttl_ms: ttlMs });
  }

  async read(spec: LimitSpec): Promise<LimitState> {
    const [used, held, granted] = await this.#callLimit(READ, spec.key, { shape: shapeOf(spec) });
    return { used: Number(used), held: Number(held), limit: spec.limit + Number(granted) };
  }

  async grant(spec: LimitSpec, amount: number): Promise<void> {
    checkAmount(amount, "a granted amount");
    await this.#callLimit(GRANT, spec.key, { shape: shapeOf(spec), fields: { amount } });
  }

  async reset(key: string): Promise<void> {
    await this.#callLimit(RESET, key, { shape: "lifetime" });
  }

  /**
   * Ends a hold, once, or what one attempt has taken of it; told later what was wanted first, it finds nothing any more.
   */
  async end(id: string, how: HoldEnd, by?: string): Promise<void> {
    // An estimate that stands is `false`: Lua's nil would end the list.
    const actuals = how === "release" ? {} : { actuals: how.map((actual) => actual ?? false) };
    const wait = this.#deps.beforeEnd?.();
    if (wait !== undefined) await wait;
    await this.#callHold(END, id, by === undefined ? actuals : { ...actuals, by });
    // Else it may be that of a call made again.
    if (by === undefined) this.#known.delete(id);
  }

  async #finish(id: string, how: HoldEnd): Promise<void> {
    const { unfinished } = this.#deps;
    // What the server may still come to is given back until it cannot any more; now, in case it has come to it.
    if (how === "release" && unfinished.mayStillCome(id)) return this.end(id, how);
    unfinished.forget(id);
    try {
      await this.end(id, how);
    } catch (error) {
      if (isStoreFailure(error)) unfinished.add(id, how);
      throw error;
    }
  }

  async #taking<T>(
    requests: readonly Pick<ReserveRequest, "id">[],
    ask: () => Promise<T>,
    isLost: (id: string) => void,
  ): Promise<T> {
    const { unfinished } = this.#deps;
    for (const { id } of requests) unfinished.forget(id);
    try {
      return await ask();
    } catch (error) {
      // Whether it was taken is not known, and who asked has given up: it is given back, unless it is made again.
      if (mayHaveHappened(error)) for (const { id } of requests) isLost(id);
      throw error;
    }
  }

  #requestOf({ id, items }: ReserveRequest): {
    script: ScriptRequest;
    items: ReturnType<typeof itemArguments>;
  } {
    const script = new ScriptRequest(this.#deps.keyspace, this.#known.get(id));
    return { script, items: itemArguments(script, items) };
  }

  async #ask(script: Script, wanted: ReserveRequest, more: { by?: string } = {}): Promise<Reservation> {
    const { caller, keyspace } = this.#deps;
    const { id, ttlMs } = wanted;
    const known = this.#known.get(id);
    const { script: request, items } = this.#requestOf(wanted);
    // Before it is asked: also an end that comes while the answer is under way names the limits.
    if (script === RESERVE) this.#known.set(id, request.limits);
    const answer = await caller.call({
      script,
      request,
      others: [keyspace.ofHold(id)],
      fields: { items, ttl_ms: Math.ceil(ttlMs), ...more },
      hasDeadline: true,
    });
    const reservation = readReservation(answer);
    if (script === RESERVE && !reservation.isGranted && known === undefined) this.#known.delete(id);
    return reservation;
  }

  #callHold(script: Script, id: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { caller, keyspace } = this.#deps;
    const request = new ScriptRequest(keyspace, this.#known.get(id));
    // Held up on the way, it must not reach a call that was made again under the same id.
    return caller.call({ script, request, others: [keyspace.ofHold(id)], fields, hasDeadline: true });
  }

  #callLimit(
    script: Script,
    key: string,
    { shape, fields = {} }: { shape: string; fields?: Readonly<Record<string, unknown>> },
  ): Promise<readonly unknown[]> {
    const { caller, keyspace } = this.#deps;
    const request = new ScriptRequest(keyspace);
    request.addLimit(key, shape);
    return caller.call({ script, request, others: [], fields });
  }
}

function isStoreFailure(error: unknown): boolean {
  return error instanceof AgentplaneError && error.code === "state_failed";
}

function mayHaveHappened(error: unknown): boolean {
  return isStoreFailure(error) && !(error instanceof NotConnected);
}

/** Granted, then position and wait of every exceeded limit; −1 for a wait that time alone does not end. */
export function readReservation([granted, ...numbers]: readonly unknown[]): Reservation {
  const breaches: { index: number; retryAfterMs?: number }[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const index = Number(numbers[at]);
    const retryAfterMs = Number(numbers[at + 1]);
    breaches.push(retryAfterMs < 0 ? { index } : { index, retryAfterMs });
  }
  return { isGranted: granted === 1, breaches };
}
