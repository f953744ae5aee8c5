/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import type { ReserveRequest } from "@agentplane/core";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import type { RedisLedger } from "../src/ledger/redis-ledger.ts";
import { LEASE, startProcess, type Fate, type LeasedProcess } from "./leased-process.ts";
import { budget, take } from "./limits.ts";
import { dropNamespace, freshNamespace } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

const START_MS = Date.now() + 10 * 86_400_000;
/** Little enough that it is spent in most plays. */
const LIMIT = 60;
const PROCESSES = 2;
const RUNS = Number(process.env["AGENTPLANE_RUNS"] ?? 50);
const LONG_MS = 10 * 86_400_000;
/** Over when somebody has waited. */
const SHORT_MS = 200;
const spec = budget("life", LIMIT);

/** What a caller does with a call that runs. */
type Act = Fate | "again" | "as another" | "settle" | "release" | "wait" | "tick" | "deliver";

interface Step {
  readonly amount: number;
  readonly ttlMs: number;
  readonly then: readonly Act[];
}

/** Callers run at once, each does one thing after the other. */
function callersWith(acts: readonly Act[]): fc.Arbitrary<readonly (readonly Step[])[]> {
  const step = fc.record({
    amount: fc.integer({ min: 1, max: 12 }),
    ttlMs: fc.constantFrom(LONG_MS, LONG_MS, SHORT_MS),
    then: fc.array(fc.constantFrom(...acts), { maxLength: 4 }),
  });
  return fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 8 });
}

const CALLS: readonly Act[] = ["again", "again", "again", "settle", "release", "wait", "tick"];
const FATES: readonly Act[] = [
  "arrives",
  "is not sent",
  "is lost",
  "loses its answer",
  "comes late",
  "deliver",
];

describe.skipIf(!hasRedis)("leases of calls at once, in every order of requests and answers", () => {
  const namespace = freshNamespace();
  let nowMs = START_MS;
  const virtual = openVirtualLedger(namespace, () => nowMs);
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  interface Play {
    readonly server: RedisLedger;
    readonly processes: readonly LeasedProcess[];
    /** What calls run for, and what they have used. */
    readonly running: Map<string, number>;
    used: number;
    /** The most that was used and held on the server after any request. */
    peak: number;
    /** The most that calls were admitted for. */
    spent: number;
  }

  function begin(pass: () => Promise<unknown>): Play {
    nowMs = START_MS;
    const server = virtual.restart();
    const processes = Array.from({ length: PROCESSES }, (_, at) =>
      startProcess(`p${at}`, virtual.parts, () => nowMs),
    );
    const play: Play = { server, processes, running: new Map(), used: 0, peak: 0, spent: 0 };
    for (const process of processes)
      process.way = async () => {
        const { used, held } = await server.read(spec);
        play.peak = Math.max(play.peak, used + held);
        return pass();
      };
    return play;
  }

  function note(play: Play): void {
    let sum = play.used;
    for (const amount of play.running.values()) sum += amount;
    play.spent = Math.max(play.spent, sum);
  }

  async function act(play: Play, process: LeasedProcess, request: ReserveRequest, doing: Act): Promise<void> {
    const { id } = request;
    const amount = play.running.get(id);
    if (isFate(doing)) process.fate = doing;
    if (doing === "wait") nowMs += 300;
    if (doing === "tick") await process.tick();
    if (doing === "deliver") await process.deliver();
    if (amount === undefined) return;
    if (doing === "again") {
      // As an admission that is asked for again, in one step with its documents: the server judges it.
      const again = async () => process.ledger.reserve(take(id, spec, amount, LONG_MS));
      await process.ledger.moved.moveOut(id).then(again).catch(ignored);
    }
    if (doing === "as another") {
      const other = 1 + ((amount * 7) % (2 * LEASE.max));
      // Whoever asks for less runs for less from then on: it is another's before the answer is heard.
      play.running.set(id, Math.min(amount, other));
      const { isGranted } = await process.ledger.reserve(take(id, spec, other, LONG_MS));
      play.running.set(id, isGranted ? other : amount);
      note(play);
    }
    if (doing === "settle" || doing === "release") {
      const actual = doing === "settle" ? Math.floor(amount / 2) : 0;
      play.running.delete(id);
      play.used += actual;
      // What cannot be told is told later.
      const ended = doing === "settle" ? process.ledger.settle(id, [actual]) : process.ledger.release(id);
      await Promise.resolve(ended).catch(ignored);
    }
  }

  async function call(play: Play, at: number, steps: readonly Step[]): Promise<void> {
    const process = play.processes[at % PROCESSES]!;
    for (const [count, { amount, ttlMs, then }] of steps.entries()) {
      const request = take(`${at}:${count}`, spec, amount, ttlMs);
      const answer = await Promise.resolve(process.ledger.reserve(request)).catch(ignored);
      if (answer?.isGranted === true) play.running.set(request.id, amount);
      note(play);
      for (const doing of then) await act(play, process, request, doing);
    }
  }

  /** @returns What went wrong, and with which plans; nothing otherwise. */
  async function playAll(acts: readonly Act[]): Promise<unknown> {
    const played = fc.asyncProperty(fc.scheduler(), callersWith(acts), async (scheduler, all) => {
      let isInOrder = false;
      const play = begin(async () => (isInOrder ? undefined : scheduler.schedule(Promise.resolve())));
      await scheduler.waitFor(Promise.all(all.map(async (steps, at) => call(play, at, steps))));
      isInOrder = true;
      for (const process of play.processes) process.fate = "arrives";
      for (const process of play.processes) await process.tick();
      for (const [id] of play.running)
        await Promise.all(play.processes.map(async ({ ledger }) => ledger.release(id)));
      for (const { ledger } of play.processes) await ledger.close();
      for (const process of play.processes) await process.deliver();
      expect(play.peak, "used and held on the server").toBeLessThanOrEqual(LIMIT);
      expect(play.spent, "what calls were admitted for").toBeLessThanOrEqual(LIMIT);
      expect(await play.server.read(spec)).toEqual({ used: play.used, held: 0, limit: LIMIT });
    });
    const { errorInstance, counterexample } = await fc.check(played, { numRuns: RUNS, endOnFailure: true });
    return errorInstance === null ? undefined : { errorInstance, of: counterexample?.[1] };
  }

  test("spend no more than the limit, and leave exactly what was used", async () => {
    expect(await playAll([...CALLS, "as another"])).toBeUndefined();
  }, 60_000);

  test("spend no more than the limit, and leave exactly that, whatever the network does to requests and answers", async () => {
    expect(await playAll([...CALLS, ...FATES])).toBeUndefined();
  }, 60_000);
});

function isFate(act: Act): act is Fate {
  return act !== "deliver" && FATES.includes(act);
}

function ignored(): undefined {}
