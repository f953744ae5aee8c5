/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import type { LimitSpec } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { dropNamespace, freshNamespace, openState, pause } from "./open-state.ts";
import { hasRedis } from "./servers.ts";

const LEASE = { max: 100, ttlMs: 1_000 };

function budget(key: string, limit = 10_000): LimitSpec {
  return { key, measure: "tokens", limit, window: { kind: "lifetime" } };
}

function request(id: string, spec: LimitSpec, amount: number, ttlMs = 60_000) {
  return { id, ttlMs, items: [{ spec, amount, isSoft: false, expired: "charge" as const }] };
}

describe.skipIf(!hasRedis)("leases", () => {
  const namespaces: string[] = [];
  let exact: RedisState;
  let namespace: string;

  beforeAll(async () => {
    namespace = freshNamespace();
    namespaces.push(namespace);
    exact = await openState({ namespace });
  });
  afterAll(async () => {
    await exact.close();
    for (const one of namespaces) await dropNamespace(one);
  });

  test("admits from what was taken in advance, at once and without a promise", async () => {
    const state = await openState({ namespace, lease: LEASE });
    const spec = budget("at once");
    expect(await state.ledger.reserve(request("first", spec, 5))).toEqual({ isGranted: true, breaches: [] });
    expect(state.ledger.reserve(request("second", spec, 5))).toEqual({ isGranted: true, breaches: [] });
    expect(state.ledger.settle("second", [3])).toBeUndefined();
    expect(await state.ledger.read(spec)).toEqual({ used: 3, held: 5, limit: 10_000 });
    expect(await exact.ledger.read(spec)).toEqual({ used: 0, held: 100, limit: 10_000 });
    await state.ledger.release("first");
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 3, held: 0, limit: 10_000 });
  });

  test("never exceeds the limit, however many processes lease, and spends it to the end", async () => {
    const spec = budget("shared", 1_000);
    const states = await Promise.all([1, 2, 3].map(() => openState({ namespace, lease: LEASE })));
    let used = 0;
    await Promise.all(
      states.map(async ({ ledger }, process) => {
        for (let call = 0; call < 300; call++) {
          const id = `${process}:${call}`;
          if (!(await ledger.reserve(request(id, spec, 3))).isGranted) continue;
          used += 3;
          await ledger.settle(id, [3]);
        }
      }),
    );
    expect(used).toBeLessThanOrEqual(1_000);
    await Promise.all(states.map((state) => state.close()));
    expect(await exact.ledger.read(spec)).toEqual({ used, held: 0, limit: 1_000 });
    const rest = await exact.ledger.reserve(request("rest", spec, 1_000 - used));
    expect(rest.isGranted).toBe(true);
    expect(used).toBeGreaterThanOrEqual(950);
  });

  test("gives back its own lease before it is refused by it", async () => {
    const state = await openState({ namespace, lease: { max: 50, ttlMs: 60_000 } });
    const spec = budget("own", 100);
    await state.ledger.reserve(request("small", spec, 1));
    await state.ledger.release("small");
    expect((await state.ledger.reserve(request("all", spec, 100))).isGranted).toBe(true);
    await state.close();
  });

  test("goes to the server for soft limits and for those that remember every call", async () => {
    const state = await openState({ namespace, lease: LEASE });
    const log: LimitSpec = {
      key: "log",
      measure: "calls",
      limit: 5,
      window: { kind: "sliding", windowMs: 60_000 },
    };
    const mixed = { ...request("mixed", budget("mixed"), 1) };
    await state.ledger.reserve(mixed);
    await state.ledger.release("mixed");
    const both = {
      ...mixed,
      items: [...mixed.items, { spec: log, amount: 1, isSoft: false, expired: "charge" as const }],
    };
    expect(state.ledger.reserve(both)).toBeInstanceOf(Promise);
    const soft = { ...mixed, id: "soft", items: mixed.items.map((item) => ({ ...item, isSoft: true })) };
    expect(state.ledger.reserve(soft)).toBeInstanceOf(Promise);
    await pause(50);
    await state.close();
  });

  // These two wait for the server's clock, at once.
  test.concurrent("what a process leased and never reported counts as used when its time is up", async () => {
    const spec = budget("crashed");
    // As in a crash: nothing is renewed or reported.
    const timers = { set: () => () => undefined };
    const state = await openState({ namespace, lease: LEASE, ports: { timers } });
    await state.ledger.reserve(request("lost", spec, 5));
    expect(await exact.ledger.read(spec)).toMatchObject({ used: 0, held: 100 });
    await pause(1_100);
    expect(await exact.ledger.read(spec)).toMatchObject({ used: 100, held: 0 });
    expect(state.ledger.reserve(request("after", spec, 5))).toBeInstanceOf(Promise);
    await state.close();
  });

  test.concurrent("keeps running calls over many leases, and settles them in the end", async () => {
    const spec = budget("long");
    // Long enough that a process which comes to nothing else for a second still renews it in time.
    const ttlMs = 2_000;
    const state = await openState({ namespace, lease: { ...LEASE, ttlMs } });
    await state.ledger.reserve(request("long", spec, 40));
    await pause(2 * ttlMs + 500);
    expect(await exact.ledger.read(spec)).toMatchObject({ used: 0 });
    await state.ledger.settle("long", [25]);
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 25, held: 0, limit: 10_000 });
  });

  test("shrinks near the limit and then takes nothing", async () => {
    const spec = budget("near", 100);
    const own = freshNamespace();
    namespaces.push(own);
    const [state, exactly] = [
      await openState({ namespace: own, lease: { max: 80, ttlMs: 60_000 } }),
      await openState({ namespace: own }),
    ];
    const granted: number[] = [];
    const left: number[] = [];
    for (let call = 0; call < 100; call++) {
      const { isGranted } = await state.ledger.reserve(request(`near:${call}`, spec, 1));
      const { used, held } = await exactly.ledger.read(spec);
      left.push(100 - used - held);
      if (isGranted) await state.ledger.settle(`near:${call}`, [1]);
      granted.push(isGranted ? 1 : 0);
    }
    expect(granted.reduce((sum, one) => sum + one, 0)).toBe(100);
    // One client: half of what is left each time, down to one.
    expect([...new Set(left)]).toEqual([50, 25, 13, 7, 4, 2, 1, 0]);
    expect((await state.ledger.reserve(request("over", spec, 1))).isGranted).toBe(false);
    await state.close();
    expect(await exactly.ledger.read(spec)).toEqual({ used: 100, held: 0, limit: 100 });
    await exactly.close();
  });

  test("takes half of an equal share of what is left: the more processes lease, the less each", async () => {
    const spec = budget("several", 1_200);
    const own = freshNamespace();
    namespaces.push(own);
    const exactly = await openState({ namespace: own });
    const lease = { max: 500, ttlMs: 60_000 };
    const states: RedisState[] = [];
    const held: number[] = [];
    for (let process = 0; process < 5; process++) {
      const state = await openState({ namespace: own, lease });
      states.push(state);
      await state.ledger.reserve(request(`of ${process}`, spec, 1));
      held.push((await exactly.ledger.read(spec)).held);
    }
    // min(500, 1200/2), 700/4, 525/6, 438/8 and 384/10, each rounded down.
    expect(held).toEqual([500, 675, 762, 816, 854]);
    await Promise.all(states.map((state) => state.close()));
    await exactly.close();
  });

  test("a hold that nobody ends is charged or given back in its time", async () => {
    const spec = budget("expired");
    const state = await openState({ namespace, lease: LEASE });
    await state.ledger.reserve(request("charged", spec, 7, 300));
    const given = request("given", spec, 9, 300);
    await state.ledger.reserve({
      ...given,
      items: given.items.map((item) => ({ ...item, expired: "release" as const })),
    });
    await pause(800);
    expect(await state.ledger.read(spec)).toMatchObject({ used: 7, held: 0 });
    await state.ledger.settle("charged", [10]);
    await state.ledger.settle("given", [4]);
    await state.ledger.settle("given", [4]);
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 14, held: 0, limit: 10_000 });
  });

  test("a call that still runs when its process ends is held by itself, to be ended elsewhere", async () => {
    const spec = budget("moved");
    const state = await openState({ namespace, lease: LEASE });
    await state.ledger.reserve(request("first", spec, 2));
    await state.ledger.settle("first", [2]);
    const given = request("given up", spec, 9, 700);
    await state.ledger.reserve({
      ...given,
      items: given.items.map((item) => ({ ...item, expired: "release" as const })),
    });
    await state.ledger.reserve(request("suspended", spec, 7));
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 2, held: 16, limit: 10_000 });
    await pause(800);
    expect(await exact.ledger.read(spec)).toEqual({ used: 2, held: 7, limit: 10_000 });
    await exact.ledger.reserve(request("suspended", spec, 7));
    await exact.ledger.settle("suspended", [5]);
    expect(await exact.ledger.read(spec)).toEqual({ used: 7, held: 0, limit: 10_000 });
  });

  test("answers the same call again without counting it twice", async () => {
    const spec = budget("again");
    const state = await openState({ namespace, lease: LEASE });
    await state.ledger.reserve(request("again", spec, 10));
    await state.ledger.reserve(request("again", spec, 10));
    await state.ledger.reserve(request("again", spec, 20));
    expect(await state.ledger.read(spec)).toMatchObject({ used: 0, held: 20 });
    await state.close();
  });
});
