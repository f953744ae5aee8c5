/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import type { LimitSpec } from "@agentplane/core";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { budget, rate, take } from "./limits.ts";
import { dropNamespace, freshNamespace, openState, pause } from "./open-state.ts";
import { REDIS_URL } from "./redis-url.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

describe.skipIf(!hasRedis)("the ledger", () => {
  const namespace = freshNamespace();
  let state: RedisState;
  let second: RedisState;
  let client: Redis;

  beforeAll(async () => {
    [state, second] = (await Promise.all([1, 2].map(() => openState({ namespace })))) as [
      RedisState,
      RedisState,
    ];
    client = new Redis(REDIS_URL);
  });
  afterAll(async () => {
    await Promise.all([state.close(), second.close()]);
    client.disconnect();
    await dropNamespace(namespace);
  });

  test("keeps whole numbers up to 2^53 exact", async () => {
    const spec = budget("exact", Number.MAX_SAFE_INTEGER);
    await state.ledger.reserve(take("a", spec, 9_007_199_254_740_001));
    await state.ledger.settle("a", [9_007_199_254_740_000]);
    await state.ledger.reserve(take("b", spec, 991));
    expect(await state.ledger.read(spec)).toEqual({
      used: 9_007_199_254_740_000,
      held: 991,
      limit: Number.MAX_SAFE_INTEGER,
    });
    expect((await state.ledger.reserve(take("c", spec, 1))).isGranted).toBe(false);
  });

  test("ends in another process what it has not reserved", async () => {
    const spec = budget("foreign");
    await state.ledger.reserve(take("foreign", spec, 60));
    await second.ledger.renew("foreign", 60_000);
    expect((await second.ledger.reserve(take("foreign", budget("foreign 2"), 5))).isGranted).toBe(true);
    expect(await state.ledger.read(spec)).toMatchObject({ used: 0, held: 0 });
    await state.ledger.settle("foreign", [3]);
    expect(await state.ledger.read(budget("foreign 2"))).toMatchObject({ used: 3, held: 0 });
  });

  test("loses nothing that time has given back, where a request has to be sent again", async () => {
    const spec = budget("crashed");
    await state.ledger.reserve({
      ...take("crash", spec, 60, 50),
      items: [{ ...take("", spec, 60).items[0]!, expired: "release" }],
    });
    await state.ledger.reserve(take("moved", budget("elsewhere"), 1));
    await pause(100);
    // It does not know where the call held something before: the server asks for that.
    await second.ledger.reserve(take("moved", spec, 5));
    expect(await state.ledger.read(spec)).toMatchObject({ used: 0, held: 5 });
  });

  test("keeps names apart, whatever Unicode they are of", async () => {
    const names = ["a", "a\u0000", "{a}", "*", "a:b", "ä", "a\u0308", "🦊", "‮rtl", "\n", " "];
    await Promise.all(
      names.map(async (name, at) => state.ledger.reserve(take(`name ${name}`, budget(name), at + 1))),
    );
    const held = await Promise.all(names.map(async (name) => (await second.ledger.read(budget(name))).held));
    expect(held).toEqual(names.map((_, at) => at + 1));
  });

  test("refuses half of a surrogate pair, which would become another key", async () => {
    await expect(state.ledger.reserve(take("x", budget("\ud83e"), 1))).rejects.toMatchObject({
      code: "usage_invalid",
    });
    await expect(state.controls.read("\udd8a")).rejects.toMatchObject({ code: "usage_invalid" });
  });

  test("leaves no key without an end, and none that ends before what it counts", async () => {
    const own = freshNamespace();
    const fresh = await openState({ namespace: own, lifetimeMs: 40_000_000 });
    const calls = rate("ttl");
    const items = [budget("ttl"), calls].flatMap((spec) => take("ttl", spec, 1).items);
    await fresh.ledger.reserve({ id: "ttl", ttlMs: 5_000, items });
    await fresh.admissions.update("ttl", () => 1, { ttlMs: 60_000 });
    const keys = await client.keys(`{${own}}*`);
    const ttls = await Promise.all(keys.map(async (key) => [key, await client.pttl(key)] as const));
    expect(ttls.filter(([, ttl]) => ttl <= 0)).toEqual([]);
    const ttlOf = (name: string): number => ttls.find(([key]) => key === `{${own}}:${name}`)?.[1] ?? 0;
    expect(ttlOf("hold:ttl")).toBeGreaterThan(86_400_000);
    expect(ttlOf("limit:ttl")).toBeGreaterThan(86_400_000);
    await fresh.ledger.settle("ttl", []);
    expect(await client.exists(`{${own}}:hold:ttl`, `{${own}}:due:ttl`)).toBe(0);
    expect(await client.pttl(`{${own}}:limit:ttl`)).toBeGreaterThan(39_000_000);
    await fresh.close();
    await dropNamespace(own);
  });

  test("forgets at once what holds nothing any more", async () => {
    const spec: LimitSpec = { ...budget("gone"), window: { kind: "sliding", windowMs: 60_000 } };
    await state.ledger.reserve(take("gone", spec, 5));
    expect(await client.exists(`{${namespace}}:limit:gone`)).toBe(1);
    await state.ledger.release("gone");
    expect(await client.exists(`{${namespace}}:limit:gone`)).toBe(0);
  });

  test("a budget for a whole life stays alive while it is asked for, also when it always refuses", async () => {
    const own = freshNamespace();
    // Four of the waits are longer, and one so much shorter that a busy machine does not let it end.
    const lifetimeMs = 1_100;
    const fresh = await openState({ namespace: own, lifetimeMs });
    const spec = budget("life", 10);
    await fresh.ledger.reserve(take("life", spec, 10));
    await fresh.ledger.settle("life", []);
    for (let round = 0; round < 4; round++) {
      await pause(300);
      const ask =
        round % 2 === 0 ? fresh.ledger.reserve(take("no", spec, 1)) : fresh.ledger.probe(take("no", spec, 1));
      expect((await ask).isGranted, `round ${round}`).toBe(false);
    }
    await pause(lifetimeMs + 100);
    expect(await fresh.ledger.read(spec)).toEqual({ used: 0, held: 0, limit: 10 });
    await fresh.close();
    await dropNamespace(own);
  });

  test("a log that would overflow becomes slices, and counts on", async () => {
    const calls = rate("overflow", 900);
    await state.ledger.reserve(take("many", calls, 900));
    const raised = { ...calls, limit: 5_000 };
    expect((await state.ledger.reserve(take("more", raised, 200))).isGranted).toBe(true);
    expect((await state.ledger.read(raised)).used).toBe(1_100);
    expect(await client.exists(`{${namespace}}:log:overflow`)).toBe(0);
    await state.ledger.release("many");
    expect((await state.ledger.read(raised)).used).toBe(200);
  });

  test("thousands of holds whose time is up together are all dealt with", async () => {
    const spec = budget("crowd", 1_000_000);
    const ids = Array.from({ length: 2_500 }, (_, at) => `crowd ${at}`);
    await Promise.all(ids.map(async (id) => state.ledger.reserve(take(id, spec, 1, 400))));
    await pause(1_500);
    for (let round = 0; round < 3; round++) await state.ledger.read(spec);
    expect(await state.ledger.read(spec)).toMatchObject({ used: 2_500, held: 0 });
  });
});

describe.skipIf(!hasRedis)("the server's clock", () => {
  const namespace = freshNamespace();
  const startMs = Date.now() + 86_400_000;
  let nowMs = startMs;
  const virtual = openVirtualLedger(namespace, () => nowMs);
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  test("stepping back neither refills a window nor loses a hold", async () => {
    const ledger = virtual.restart();
    const calls = rate("back", 1);
    await ledger.reserve(take("a", calls, 1));
    await ledger.reserve(take("b", budget("back tokens", 10), 10));
    nowMs = startMs - 3_600_000;
    expect((await ledger.reserve(take("c", calls, 1))).isGranted).toBe(false);
    expect((await ledger.read(budget("back tokens", 10))).held).toBe(10);
    nowMs = startMs + 61_000;
    expect((await ledger.reserve(take("c", calls, 1))).isGranted).toBe(true);
  });

  test("decides which calendar day it is, whatever the clock of the process says", async () => {
    const ledger = virtual.restart();
    const spec: LimitSpec = {
      ...budget("day", 10),
      window: { kind: "calendar", unit: "day", timeZone: "Asia/Tokyo" },
    };
    // 14:59:59.999 UTC is the last moment of a day in Tokyo.
    nowMs = Math.ceil(startMs / 86_400_000) * 86_400_000 + 15 * 3_600_000 - 1;
    await ledger.reserve(take("a", spec, 10));
    expect(await ledger.reserve(take("b", spec, 1))).toEqual({ isGranted: false, breaches: [{ index: 0 }] });
    await ledger.settle("a", []);
    expect(await ledger.reserve(take("b", spec, 1))).toEqual({
      isGranted: false,
      breaches: [{ index: 0, retryAfterMs: 1 }],
    });
    nowMs += 1;
    expect((await ledger.reserve(take("b", spec, 10))).isGranted).toBe(true);
  });
});

describe.skipIf(!hasRedis)("a process whose clock is wrong", () => {
  test("counts by the server's time: windows, holds and calendar days", async () => {
    const namespace = freshNamespace();
    const skewMs = 3 * 86_400_000;
    const wrong = { wallMs: () => Date.now() + skewMs, elapsedMs: () => performance.now() };
    const right = await openState({ namespace });
    const skewed = await openState({ namespace, ports: { clock: wrong } });
    const day: LimitSpec = {
      ...budget("day", 10),
      window: { kind: "calendar", unit: "day", timeZone: "UTC" },
    };
    const calls = rate("skewed", 1);
    await skewed.ledger.reserve(take("a", day, 10));
    await skewed.ledger.reserve(take("b", calls, 1));
    await skewed.ledger.settle("a", []);
    expect(await right.ledger.read(day)).toMatchObject({ used: 10 });
    expect((await right.ledger.reserve(take("c", calls, 1))).isGranted).toBe(false);
    expect((await skewed.ledger.reserve(take("d", day, 1))).isGranted).toBe(false);
    await Promise.all([right.close(), skewed.close()]);
    await dropNamespace(namespace);
  });
});
