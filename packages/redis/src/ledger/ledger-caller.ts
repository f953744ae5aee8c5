import { AgentplaneError } from "@agentplane/core";

import type { Connection } from "../connection/connection.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import type { Script } from "../connection/script.ts";
import type { ScriptRequest } from "./script-request.ts";
import type { ServerClock } from "../connection/server-clock.ts";

/** What calling the ledger's scripts needs. */
export interface LedgerCallerDeps {
  readonly connection: Connection;
  readonly keyspace: Keyspace;
  readonly clock: ServerClock;
  /** How long after it was sent a request about a hold may still be done. */
  readonly timeoutMs: number;
  /** How long a limit that never ends by itself is kept after it was last asked for. */
  readonly lifetimeMs: number;
}

/** One call of a script. */
export interface LedgerCall {
  readonly script: Script;
  readonly request: ScriptRequest;
  /** Keys behind those of the limits: holds, the clients. */
  readonly others: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
  /** Arguments behind the request. */
  readonly texts?: readonly string[];
  /** Refused when the server comes to it only after the timeout: nobody waits for it any more. */
  readonly hasDeadline?: boolean;
}

const MAX_ATTEMPTS = 4;

/** Calls a ledger script; sends again what the server says it needs: a hold's limits, a calendar's period. */
export class LedgerCaller {
  readonly #deps: LedgerCallerDeps;

  constructor(deps: LedgerCallerDeps) {
    this.#deps = deps;
  }

  /**
   * @returns What the script answers behind status and time.
   * @throws AgentplaneError `state_failed`
   */
  async call(call: LedgerCall): Promise<readonly unknown[]> {
    const startedAt = this.#deps.clock.mark();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- each attempt brings what the last one asked for
      const [status, , ...answer] = await this.#once(call);
      if (status === "ok") return answer;
      if (status === "cells") addCells(call.request, answer);
      else if (status === "late") this.#checkLate(startedAt);
      else if (status !== "period") break;
    }
    throw new AgentplaneError(
      "state_failed",
      "Redis does not come to an answer; compare the clocks of its servers",
    );
  }

  async #once({
    script,
    request,
    others,
    fields,
    texts = [],
    hasDeadline,
  }: LedgerCall): Promise<readonly unknown[]> {
    const { connection, clock, timeoutMs, lifetimeMs } = this.#deps;
    const until = hasDeadline === true ? { until_ms: clock.inMs(timeoutMs) } : undefined;
    const argument = request.argument({ ...fields, ...until, lifetime_ms: lifetimeMs }, clock.nowMs());
    const reply = await connection.run((client) =>
      script.run(client, request.keys(others), [argument, ...texts]),
    );
    if (!Array.isArray(reply) || typeof reply[1] !== "number")
      throw new AgentplaneError("state_failed", "Redis answered a ledger script with something else");
    clock.learn(reply[1]);
    return reply;
  }

  /** Too late by a clock that jumped is tried again by the new one; too late in earnest is not. */
  #checkLate(startedAt: number): void {
    const { clock, timeoutMs } = this.#deps;
    if (clock.mark() - startedAt < timeoutMs / 2) return;
    throw new AgentplaneError(
      "state_failed",
      `Redis came to a request only after ${timeoutMs} ms; it changed nothing`,
    );
  }
}

function addCells(request: ScriptRequest, named: readonly unknown[]): void {
  for (let index = 0; index < named.length; index += 2)
    request.addRecord(String(named[index]), String(named[index + 1]));
}
