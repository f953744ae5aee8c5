/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import type { LimitSpec, ReserveItem, ReserveRequest } from "@agentplane/core";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import { LEASE, startProcess, type Fate, type LeasedProcess } from "./leased-process.ts";
import { budget } from "./limits.ts";
import { dropNamespace, freshNamespace } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

const START_MS = Date.now() + 10 * 86_400_000;
const WINDOW_MS = 5_000;
const LIMIT = 100;
const PROCESSES = 3;
const RUNS = Number(process.env["AGENTPLANE_RUNS"] ?? 25);
const LONG_MS = 10 * 86_400_000;
/** Over before most calls end. */
const SHORT_MS = 700;

const lifetime = budget("life", LIMIT);
const sliding: LimitSpec = { ...budget("slide", LIMIT), window: { kind: "sliding", windowMs: WINDOW_MS } };

type Expired = ReserveItem["expired"];

type Act =
  | {
      readonly do: "reserve" | "probe";
      readonly by: number;
      readonly amount: number;
      readonly times: number;
      readonly ttlMs: number;
      readonly expired: Expired;
    }
  | {
      readonly do: "settle" | "release" | "renew";
      readonly by: number;
      readonly which: number;
      readonly share: number;
    }
  | { readonly do: "network"; readonly by: number; readonly fate: Fate }
  | { readonly do: "crash"; readonly by: number }
  | { readonly do: "wait"; readonly ms: number };

const by = fc.nat({ max: PROCESSES - 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      by,
      amount: fc.integer({ min: 0, max: 12 }),
      times: fc.integer({ min: 1, max: 6 }),
      ttlMs: fc.constantFrom(LONG_MS, LONG_MS, SHORT_MS),
      expired: fc.constantFrom<Expired>("charge", "release"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("probe" as const),
      by,
      amount: fc.integer({ min: 0, max: 12 }),
      times: fc.integer({ min: 1, max: 6 }),
      ttlMs: fc.constantFrom(LONG_MS, LONG_MS, SHORT_MS),
      expired: fc.constantFrom<Expired>("charge", "release"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "settle" as const,
        "settle" as const,
        "settle" as const,
        "release" as const,
        "renew" as const,
      ),
      by,
      which: fc.nat(),
      share: fc.constantFrom(1, 1, 1, 0.5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("network" as const),
      by,
      fate: fc.constantFrom<Fate>("arrives", "is not sent", "is lost", "loses its answer"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), by }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 300, 900, 1_500, 2_100),
    }),
  },
);

interface Call {
  readonly id: string;
  readonly amount: number;
  readonly admittedMs: number;
  /** From when on others may have its room, if nobody has renewed it: what it uses then is debt. */
  readonly givenBackMs: number;
}

interface Use {
  /** When it was admitted: that is what a window is about. */
  readonly atMs: number;
  readonly amount: number;
  readonly isDebt: boolean;
}

describe.skipIf(!hasRedis)("leases, whatever happens", () => {
  const namespace = freshNamespace();
  let nowMs = START_MS;
  const virtual = openVirtualLedger(namespace, () => nowMs);
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  function useOf({ admittedMs, givenBackMs }: Call, amount: number): Use {
    return { atMs: admittedMs, amount, isDebt: nowMs >= givenBackMs };
  }

  /** Plays acts; answers with what was really used, call by call, as the callers know it. */
  async function play(spec: LimitSpec, acts: readonly Act[]) {
    const server = virtual.restart();
    let started = 0;
    const start = (): LeasedProcess => startProcess(`p${started++}`, virtual.parts, () => nowMs);
    const processes = Array.from({ length: PROCESSES }, start);
    const running: Call[][] = processes.map(() => []);
    const used: Use[] = [];
    let calls = 0;
    for (const one of acts) {
      if (one.do === "wait") {
        nowMs += one.ms;
        for (const process of processes) await process.tick();
      } else {
        const process = processes[one.by]!;
        const own = running[one.by]!;
        if (one.do === "network") process.fate = one.fate;
        if (one.do === "crash") {
          processes[one.by] = start();
          // What it ran has run: at most all that it was admitted for. What is given back in its time is debt.
          for (const call of own.splice(0))
            used.push({ ...useOf(call, call.amount), isDebt: call.givenBackMs < Infinity });
        }
        if (one.do === "reserve" || one.do === "probe") {
          for (let time = 0; time < one.times; time++) {
            const request = requestOf(`call ${calls++}`, spec, one);
            const answer = await Promise.resolve(process.ledger[one.do](request)).catch(() => undefined);
            if (one.do === "reserve" && answer?.isGranted === true)
              own.push({
                id: request.id,
                amount: one.amount,
                admittedMs: nowMs,
                givenBackMs: one.expired === "release" ? nowMs + one.ttlMs : Infinity,
              });
          }
        }
        if (one.do === "settle" || one.do === "release" || one.do === "renew") {
          const call = own[one.which % Math.max(1, own.length)];
          if (call === undefined) continue;
          const actual = Math.floor(call.amount * one.share);
          const ended =
            one.do === "settle"
              ? process.ledger.settle(call.id, [actual])
              : one.do === "release"
                ? process.ledger.release(call.id)
                : process.ledger.renew(call.id, LONG_MS);
          const isTold = await Promise.resolve(ended).then(
            () => true,
            () => false,
          );
          if (one.do === "renew") continue;
          own.splice(own.indexOf(call), 1);
          // What cannot be told now may come when others have the room.
          const isOwed = !isTold && call.givenBackMs < Infinity;
          if (one.do === "settle") used.push({ ...useOf(call, actual), ...(isOwed && { isDebt: true }) });
        }
      }
      const { used: counted, held } = await server.read(spec);
      // A window may forget a lease whose process was cut off for longer than it is; what its calls still hold is then
      // held again beside what others were admitted for, as debt.
      const isAllCounted = spec.window.kind === "lifetime";
      const debt = sumOf(used.filter(({ isDebt }) => isDebt));
      expect(isAllCounted ? counted + held : 0, "used and held").toBeLessThanOrEqual(LIMIT + debt);
      const open = running.flat().map((call) => useOf(call, call.amount));
      const recent = [...used, ...open].filter(
        ({ atMs, isDebt }) => !isDebt && (isAllCounted || atMs > nowMs - WINDOW_MS),
      );
      expect(sumOf(recent), "really used").toBeLessThanOrEqual(LIMIT);
    }
    return { server, processes, running, used };
  }

  /** What went wrong; null for nothing. */
  async function playAll(spec: LimitSpec): Promise<unknown> {
    const played = fc.asyncProperty(fc.array(act, { minLength: 30, maxLength: 120 }), async (acts) => {
      nowMs = START_MS;
      await play(spec, acts);
    });
    return (await fc.check(played, { numRuns: RUNS, endOnFailure: true })).errorInstance;
  }

  test("nothing is admitted beyond a limit, by any process, over any network", async () => {
    expect(await playAll(lifetime)).toBeNull();
  });

  test("no stretch of a sliding window holds more than its limit", async () => {
    expect(await playAll(sliding)).toBeNull();
  });

  test("without a crash the ledger is exact in the end, and everything left can be spent", async () => {
    const peaceful = act.filter((one) => one.do !== "crash");
    await fc.assert(
      fc.asyncProperty(fc.array(peaceful, { minLength: 30, maxLength: 120 }), async (acts) => {
        nowMs = START_MS;
        const { server, processes, running, used } = await play(lifetime, acts);
        for (const process of processes) process.fate = "arrives";
        for (const process of processes) await process.tick();
        for (const [at, calls] of running.entries())
          for (const { id } of calls) await processes[at]?.ledger.release(id);
        for (const process of processes) await process.ledger.close();
        expect(await server.read(lifetime)).toEqual({ used: sumOf(used), held: 0, limit: LIMIT });
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  test("what crashed processes had leased counts as used when its time is up, and no more", async () => {
    nowMs = START_MS;
    const { server, processes } = await play(lifetime, [
      { do: "reserve", by: 0, amount: 1, times: 1, ttlMs: LONG_MS, expired: "charge" },
      { do: "crash", by: 0 },
    ]);
    nowMs += LEASE.ttlMs;
    for (const process of processes) await process.tick();
    const { used, held } = await server.read(lifetime);
    expect(held).toBe(0);
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThanOrEqual(LEASE.max);
  });
});

function requestOf(
  id: string,
  spec: LimitSpec,
  { amount, ttlMs, expired }: Extract<Act, { readonly do: "reserve" | "probe" }>,
): ReserveRequest {
  return { id, ttlMs, items: [{ spec, amount, isSoft: false, expired }] };
}

function sumOf(uses: readonly Use[]): number {
  return uses.reduce((sum, { amount }) => sum + amount, 0);
}
