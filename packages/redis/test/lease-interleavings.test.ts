import type { ReserveRequest } from "@agentplane/core";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

import type { RedisLedger } from "../src/ledger/redis-ledger.ts";
import { LEASE, startProcess, type Fate, type LeasedProcess } from "./leased-process.ts";
import { budget, take } from "./limits.ts";
import { dropNamespace, freshNamespace } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

const START_MS = Date.now() + 10 * 86_400_000;
const LIMIT = 1_000;
const spec = budget("life", LIMIT);

describe.skipIf(!hasRedis)("leases, where two things happen at once", () => {
  const namespace = freshNamespace();
  let nowMs = START_MS;
  const virtual = openVirtualLedger(namespace, () => nowMs);
  let server: RedisLedger;
  let process: LeasedProcess;
  beforeEach(() => {
    nowMs = START_MS;
    server = virtual.restart();
    process = startProcess("p", virtual.parts, () => nowMs);
  });
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  /** Holds up requests of the process; answers what lets them go on. */
  function block(): () => void {
    let goOn = (): void => undefined;
    const way = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    process.way = () => way;
    return goOn;
  }

  /** Lets what was just sent come to the server: all of it goes over one connection. */
  async function roundTrips(): Promise<void> {
    await server.read(spec);
    await server.read(spec);
  }

  const reserve = async (request: ReserveRequest) => process.ledger.reserve(request);

  test("a process that closes returns what it was about to lease", async () => {
    const goOn = block();
    const call = reserve(take("call", spec, 10));
    const closed = process.ledger.close();
    goOn();
    await closed;
    expect((await call).isGranted).toBe(true);
    expect(await server.read(spec)).toEqual({ used: 0, held: 10, limit: LIMIT });
    await process.ledger.settle("call", [3]);
    expect(await server.read(spec)).toEqual({ used: 3, held: 0, limit: LIMIT });
  });

  test("a process that closes while it renews its leases returns them, and takes none after", async () => {
    await reserve(take("call", spec, 10));
    await process.ledger.settle("call", [3]);
    nowMs += LEASE.ttlMs * 0.6;
    const goOn = block();
    const renewed = process.tick();
    const closed = process.ledger.close();
    goOn();
    await closed;
    await Promise.race([renewed, new Promise((resolve) => setTimeout(resolve, 50))]);
    expect(await server.read(spec)).toEqual({ used: 3, held: 0, limit: LIMIT });
  });

  test("what is told again by two at once is reckoned once", async () => {
    await reserve(take("before", spec, 10));
    await reserve(take("meanwhile", spec, 10));
    await process.ledger.settle("before", [10]);
    nowMs += LEASE.ttlMs * 0.6;
    process.fate = "loses its answer";
    await process.tick();
    await process.ledger.settle("meanwhile", [7]);
    process.fate = "arrives";
    const goOn = block();
    const told = process.tick();
    const closed = process.ledger.close();
    goOn();
    await closed;
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 50))]);
    expect(await server.read(spec)).toEqual({ used: 17, held: 0, limit: LIMIT });
  });

  test("a lowered limit is not spent from what was leased under the higher one", async () => {
    await reserve(take("high", spec, 10));
    process.fate = "is not sent";
    const low = budget("life", 12);
    for (const id of ["first", "second"])
      // oxlint-disable-next-line no-await-in-loop -- the second must not find what the first has left
      await expect(reserve(take(id, low, 9))).rejects.toMatchObject({ code: "state_failed" });
    // Nor one that is too large to be leased at all.
    await expect(reserve(take("third", budget("life", 31), 31))).rejects.toMatchObject({
      code: "state_failed",
    });
    // By the old one, it is spent from offline.
    expect((await reserve(take("fourth", spec, 5))).isGranted).toBe(true);
    process.fate = "arrives";
    expect((await reserve(take("fifth", low, 9))).isGranted).toBe(false);
  });

  test("what a call held moves out once, however often that is told", async () => {
    await reserve(take("call", spec, 10));
    process.fate = "loses its answer";
    await expect(reserve(take("call", spec, 500))).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    await process.ledger.settle("call", [4]);
    await process.tick();
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call moves out although others lease one after the other meanwhile", async () => {
    await reserve(take("call", spec, 10));
    const goOn = block();
    // The first leases, and takes it all; the second has waited for it, and leases before the call that moves.
    const others = [reserve(take("first", spec, 30)), reserve(take("second", spec, 30))];
    const moved = process.ledger.moved.moveOut("call");
    goOn();
    await expect(moved).resolves.toBe(true);
    expect((await Promise.all(others)).map(({ isGranted }) => isGranted)).toEqual([true, true]);
    await process.ledger.settle("call", [4]);
    for (const id of ["first", "second"]) void process.ledger.release(id);
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call that moves out in the moment in which another leases is held once", async () => {
    await reserve(take("call", spec, 10));
    const goOn = block();
    const first = reserve(take("first", spec, 30));
    const moved = process.ledger.moved.moveOut("call");
    // Goes on in the same moment as the move, and right behind it.
    const second = reserve(take("second", spec, 30));
    goOn();
    await expect(moved).resolves.toBe(true);
    expect((await Promise.all([first, second])).map(({ isGranted }) => isGranted)).toEqual([true, true]);
    expect(await server.read(spec)).toEqual({ used: 0, held: 70, limit: LIMIT });
  });

  test("a call that is to move out while the server is away is held as before, and ended there", async () => {
    await reserve(take("call", spec, 10));
    process.fate = "is not sent";
    const goOn = block();
    const moved = process.ledger.moved.moveOut("call");
    const ended = process.ledger.settle("call", [4]);
    const other = reserve(take("other", spec, 27));
    goOn();
    await expect(moved).rejects.toMatchObject({ code: "state_failed" });
    // Never more than 26 are left.
    await expect(other).rejects.toMatchObject({ code: "state_failed" });
    await ended;
    process.fate = "arrives";
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a reset forgets what was used before it, and nothing that is used meanwhile", async () => {
    await reserve(take("before", spec, 10));
    await process.ledger.settle("before", [10]);
    const goOn = block();
    const reset = process.ledger.reset(spec.key);
    await reserve(take("meanwhile", spec, 5));
    await process.ledger.settle("meanwhile", [5]);
    goOn();
    await reset;
    expect(await process.ledger.read(spec)).toEqual({ used: 5, held: 0, limit: LIMIT });
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 5, held: 0, limit: LIMIT });
  });

  test("a call that ends before its move has arrived ends what is moved", async () => {
    await reserve(take("call", spec, 10));
    process.fate = "is lost";
    await expect(reserve(take("call", spec, 500))).rejects.toMatchObject({ code: "state_failed" });
    // Still away: the end is told later, and then the move before it.
    await expect(process.ledger.settle("call", [4])).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    await process.tick();
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call that is asked for again while its move is in doubt is charged, though that answer is lost too", async () => {
    await reserve(take("call", spec, 10));
    process.fate = "is lost";
    await process.ledger.moved.moveOut("call");
    process.fate = "loses its answer";
    await expect(reserve(take("call", spec, 10))).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "is lost";
    await expect(process.ledger.settle("call", [4])).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    await process.tick();
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call whose end overtakes the move that is told again ends what is moved", async () => {
    await reserve(take("call", spec, 10));
    process.fate = "is lost";
    await process.ledger.moved.moveOut("call");
    await expect(process.ledger.settle("call", [4])).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    const goOn = block();
    const held = process.way;
    // Whoever is first is the move; what comes after is faster.
    process.way = () => {
      process.way = () => Promise.resolve();
      return held();
    };
    const ticked = process.tick();
    await roundTrips();
    goOn();
    await ticked;
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  /** Lets the time of a call be up, and the process come to it. */
  async function letExpire(request: ReserveRequest): Promise<void> {
    nowMs += request.ttlMs + 1;
    await process.tick();
  }

  test.for([
    ["less than it was charged", 4],
    ["just that", 10],
    ["more, as debt", 15],
    ["nothing", 0],
  ] as const)("a call that is settled after its time pays what it used: %s", async ([, actual]) => {
    const call = take("call", spec, 10, 300);
    await reserve(call);
    await letExpire(call);
    expect(await process.ledger.read(spec)).toMatchObject({ used: 10 });
    await process.ledger.settle("call", [actual]);
    await process.ledger.settle("call", [actual]);
    expect(await process.ledger.read(spec)).toEqual({ used: actual, held: 0, limit: LIMIT });
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: actual, held: 0, limit: LIMIT });
  });

  test("a call that is released after its time has used nothing", async () => {
    const call = take("call", spec, 10, 300);
    await reserve(call);
    await letExpire(call);
    await process.ledger.release("call");
    await process.ledger.settle("call", [9]);
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 0, held: 0, limit: LIMIT });
  });

  test("a call that is made again after its time is charged once", async () => {
    const call = take("call", spec, 10, 300);
    await reserve(call);
    await letExpire(call);
    await reserve(call);
    await process.ledger.settle("call", [4]);
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call whose time is up is not revived by a renewal: its room is another's", async () => {
    const all = take("call", budget("small", 20), 10, 300);
    const given = { ...all, items: all.items.map((item) => ({ ...item, expired: "release" as const })) };
    await reserve(given);
    nowMs += 301;
    await process.ledger.renew("call", 60_000);
    expect((await reserve(take("other", budget("small", 20), 20))).isGranted).toBe(true);
  });

  test.for<Fate>(["is not sent", "is lost", "loses its answer", "comes late"])(
    "a call whose time is up and is told while a request %s is charged once, and ended late as any other",
    async (fate) => {
      const call = take("call", spec, 10, 300);
      await reserve(call);
      process.fate = fate;
      await letExpire(call);
      await Promise.resolve(process.ledger.settle("call", [4])).catch(() => undefined);
      process.fate = "arrives";
      await process.tick();
      await process.tick();
      await process.deliver();
      await process.ledger.close();
      expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
    },
  );

  test("a call of a process that ends after the call's time is charged, and ended late elsewhere", async () => {
    const call = take("call", spec, 10, 300);
    await reserve(call);
    nowMs += 301;
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 10, held: 0, limit: LIMIT });
    await server.settle("call", [4]);
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });

  test("a call is charged in the stretch of the window in which its time was up", async () => {
    const windowMs = 6_000;
    const sliding = { ...spec, key: "slide", window: { kind: "sliding", windowMs } as const };
    await reserve(take("call", sliding, 10, 300));
    nowMs += 5_000;
    await process.tick();
    expect(await server.read(sliding)).toMatchObject({ used: 10 });
    // Of the 61 slices of a window, the oldest counts whole.
    nowMs += windowMs - 5_000 + 300 + (2 * windowMs) / 60;
    expect(await server.read(sliding)).toMatchObject({ used: 0 });
  });

  test("a lease that is taken long after it was given up holds nothing", async () => {
    process.fate = "comes late";
    await expect(reserve(take("call", spec, 10))).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    await process.tick();
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 0, held: 0, limit: LIMIT });
    await process.deliver();
    expect(await server.read(spec)).toEqual({ used: 0, held: 0, limit: LIMIT });
  });

  test("a lease that there was no room for is not taken later, when there is", async () => {
    await server.reserve(take("all", spec, LIMIT));
    process.fate = "comes late";
    await expect(reserve(take("call", spec, 10))).rejects.toMatchObject({ code: "state_failed" });
    process.fate = "arrives";
    await process.tick();
    await server.release("all");
    await process.deliver();
    await process.ledger.close();
    expect(await server.read(spec)).toEqual({ used: 0, held: 0, limit: LIMIT });
  });

  test("a process that leaves while a lease is under way holds nothing, although that is taken later", async () => {
    await reserve(take("call", spec, 10));
    await process.ledger.settle("call", [4]);
    process.fate = "comes late";
    nowMs += LEASE.ttlMs * 0.6;
    await process.tick();
    process.fate = "arrives";
    process.ledger.leave();
    await roundTrips();
    await process.deliver();
    expect(await server.read(spec)).toEqual({ used: 4, held: 0, limit: LIMIT });
  });
});
