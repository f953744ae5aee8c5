import type { Database } from "../database.ts";
import { isDataError, ServerFailure, TIMED_OUT } from "../server-failure.ts";
import type { CellSpec, Described, Operation } from "./operation.ts";

/** What the queue is made of. */
export interface LedgerQueueDeps {
  readonly database: Database;
  /** How many statements may be under way at once. */
  readonly lanes: number;
  /** How long an operation may wait for its turn, in ms. */
  readonly timeoutMs: number;
  /** Monotonic time in ms. */
  nowMs(): number;
  /** Told the server's clock whenever it answers. */
  heard(clockMs: number): void;
  /** Told of a reservation, as it was sent, whose answer was lost: the server may still come to it. */
  lost(reservation: Operation): void;
}

interface Waiting extends Described {
  readonly untilMs: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Enough that a commit is paid by many; few enough that a statement stays short. */
const MAX_BATCH = 64;
const MAX_ATTEMPTS = 5;
/** Of its time, what an operation must have left to be sent: it would take the others of its batch with it. */
const LEAST_SHARE = 0.2;
/** Operations that may be sent twice: told by an id, or reading only. A grant would count twice. */
const REPEATABLE = new Set(["reserve", "probe", "settle", "release", "renew", "read", "reset"]);

/**
 * Sends operations to the ledger, each in one statement; what arrives while all lanes are busy goes together in the next,
 * one commit for all of it. Operations of one id keep their order.
 */
export class LedgerQueue {
  readonly #deps: LedgerQueueDeps;
  #waiting: Waiting[] = [];
  readonly #busyHolds = new Set<string>();
  #running = 0;

  constructor(deps: LedgerQueueDeps) {
    this.#deps = deps;
  }

  /** @throws ServerFailure (`state_failed`) */
  run(described: Described): Promise<unknown> {
    const untilMs = this.#deps.nowMs() + this.#deps.timeoutMs;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...described, untilMs, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#running < this.#deps.lanes) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      this.#running++;
      const holds = batch.flatMap(({ operation }) => operation.hold ?? []);
      for (const hold of holds) this.#busyHolds.add(hold);
      void this.#send(batch).finally(() => {
        this.#running--;
        for (const hold of holds) this.#busyHolds.delete(hold);
        this.#pump();
      });
    }
  }

  #takeBatch(): readonly Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const nowMs = this.#deps.nowMs();
    for (const one of this.#waiting) {
      const { hold } = one.operation;
      if (one.untilMs - nowMs < this.#deps.timeoutMs * LEAST_SHARE) one.reject(tooSlow());
      else if (batch.length >= MAX_BATCH || (hold !== undefined && this.#busyHolds.has(hold))) left.push(one);
      else batch.push(one);
    }
    this.#waiting = left;
    return batch;
  }

  /** Never rejects: everyone who waits is told. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#attempt(batch);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index]);
    } catch (error) {
      // One operation that cannot be must not take the others with it.
      const isOfOne = error instanceof ServerFailure && isDataError(error);
      if (isOfOne && batch.length > 1) await Promise.all(batch.map((one) => this.#send([one])));
      else for (const { reject } of batch) reject(error);
    }
  }

  async #attempt(batch: readonly Waiting[]): Promise<readonly unknown[]> {
    let unknown: ServerFailure | undefined;
    for (let attempt = 1; ; attempt++) {
      const named = batch.map(({ operation }) => asSent(operation, attempt));
      try {
        // A repetition, after what it repeats has failed.
        // oxlint-disable-next-line no-await-in-loop
        return await this.#call(batch, named);
      } catch (error) {
        if (!(error instanceof ServerFailure)) throw error;
        if (error.kind === "unknown") {
          unknown = error;
          for (const one of named) if (one["by"] !== undefined) this.#deps.lost(one);
        }
        // Refused now is no answer to whether an earlier attempt was done.
        if (attempt === MAX_ATTEMPTS || !this.#mayRepeat(batch, error)) throw unknown ?? error;
      }
    }
  }

  /** A connection that broke is tried again: after a restart of the server every one in the pool is broken. */
  #mayRepeat(batch: readonly Waiting[], { kind, reason }: ServerFailure): boolean {
    const nowMs = this.#deps.nowMs();
    if (kind === "refused" || reason === TIMED_OUT || batch.some(({ untilMs }) => untilMs <= nowMs))
      return false;
    return kind === "again" || batch.every(({ operation }) => REPEATABLE.has(operation.op));
  }

  async #call(batch: readonly Waiting[], operations: readonly Operation[]): Promise<readonly unknown[]> {
    const specs: Record<string, CellSpec> = {};
    for (const one of batch) for (const [cell, spec] of one.specs) specs[cell] = spec;
    const withinMs = Math.min(...batch.map(({ untilMs }) => untilMs)) - this.#deps.nowMs();
    const values = [JSON.stringify(operations), JSON.stringify(specs)];
    const answer = await this.#deps.database.call("ledger", values, withinMs);
    const { clock, results } = parseAnswer(answer, batch.length);
    this.#deps.heard(clock);
    return results;
  }
}

/** The first may still come after its repetition, and must not pass for that. */
function asSent(operation: Operation, attempt: number): Operation {
  const { by } = operation;
  return typeof by !== "string" || attempt === 1 ? operation : { ...operation, by: `${by}.${attempt}` };
}

function tooSlow(): ServerFailure {
  return new ServerFailure("PostgreSQL is too slow: gave up waiting for a turn", {
    kind: "refused",
    reason: TIMED_OUT,
  });
}

function parseAnswer(
  answer: unknown,
  count: number,
): { readonly clock: number; readonly results: readonly unknown[] } {
  // A driver that was told to leave JSON alone gives its text.
  const parsed: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
  if (typeof parsed === "object" && parsed !== null && "clock" in parsed && "results" in parsed) {
    const { clock, results } = parsed;
    if (Array.isArray(results) && results.length === count) return { clock: Number(clock), results };
  }
  throw new ServerFailure("PostgreSQL: the ledger answered with something else", { kind: "refused" });
}
