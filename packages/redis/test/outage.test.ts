/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import { createAgentPlane, rule, type LimitState } from "@agentplane/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { openProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { budget, rate, take } from "./limits.ts";
import { freshNamespace, openState, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

const spec = budget("outage", 1_000);
/** Long enough for a machine that is busy with other things. */
const TIMEOUT_MS = 1_500;

describe.skipIf(!canStartServers)("while the server is away", () => {
  let server: PrivateServer;
  let proxy: CuttingProxy;
  let state: RedisState;
  let namespace: string;

  beforeEach(async () => {
    server = await startServer();
    proxy = await openProxy(server.port);
    namespace = freshNamespace();
    state = await openState({
      namespace,
      url: proxy.url,
      timeoutMs: TIMEOUT_MS,
      heartbeatMs: 100,
      ports: { logger: silentLogger },
    });
    // The server knows every script: a lost answer is one of a script that has run.
    await state.ledger.reserve(take("warm", spec, 1));
    await state.ledger.settle("warm", [0]);
    await state.ledger.read(spec);
  });
  afterEach(async () => {
    server.resume();
    await state.close();
    proxy.close();
    await server.dispose();
  });

  test("commands fail at once, and go on by themselves when it is back", async () => {
    await state.ledger.reserve(take("a", spec, 10));
    await server.stop();
    await expect(state.ledger.reserve(take("b", spec, 10))).rejects.toMatchObject({ code: "state_failed" });
    const startedAt = performance.now();
    await expect(state.ledger.reserve(take("c", spec, 10))).rejects.toMatchObject({ code: "state_failed" });
    await expect(state.controls.read("x")).rejects.toMatchObject({ code: "state_failed" });
    // Whichever waits for its deadline takes as long alone.
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS);
    await server.start();
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)))
      .toEqual({ used: 0, held: 10, limit: 1_000 });
  });

  test("a settlement that could not be told is told when it is back", async () => {
    await state.ledger.reserve(take("a", spec, 100));
    await server.stop();
    await expect(state.ledger.settle("a", [40])).rejects.toMatchObject({ code: "state_failed" });
    await server.start();
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)), { timeout: 5_000 })
      .toEqual({ used: 40, held: 0, limit: 1_000 });
  });

  test("a reservation whose answer was lost is given back", async () => {
    proxy.loseAnswers();
    const lost = state.ledger.reserve(take("lost", spec, 100));
    await pause(50);
    proxy.cut();
    await expect(lost).rejects.toMatchObject({ code: "state_failed" });
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)), { timeout: 5_000 })
      .toEqual({ used: 0, held: 0, limit: 1_000 });
  });

  test("a reservation made again after its answer was lost is counted once", async () => {
    const calls = rate("once");
    const request = { ...take("again", spec, 100) };
    const both = { ...request, items: [...request.items, ...take("again", calls, 1).items] };
    proxy.loseAnswers();
    const lost = state.ledger.reserve(both);
    await pause(50);
    proxy.cut();
    await expect(lost).rejects.toMatchObject({ code: "state_failed" });
    await expect
      .poll(() => attempt(() => state.ledger.reserve(both)))
      .toEqual({ isGranted: true, breaches: [] });
    // Given back until the server cannot come to it any more, and once after that.
    await pause(TIMEOUT_MS + 700);
    expect(await state.ledger.read(spec)).toEqual({ used: 0, held: 100, limit: 1_000 });
    expect((await state.ledger.read(calls)).used).toBe(1);
  });

  test("a call that was admitted and not answered does not run, holds nothing, and may come again", async () => {
    const policies = [
      { id: "p", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "agent" })] },
    ];
    const plane = createAgentPlane({
      state: state,
      policies,
      stateTimeout: "1s",
      ports: { logger: silentLogger },
    });
    await plane.ready();
    const call = (callId: string) =>
      ({
        hookpoint: "before_model_call",
        agent: "a",
        session: "s",
        callId,
        model: { name: "m", messages: [{ role: "user", content: "hello" }] },
      }) as const;
    const account = async (): Promise<LimitState | undefined> => {
      const [tokens] = await plane.limits.read({ policyId: "p", ruleId: "tokenBudget", agent: "a" });
      return tokens;
    };
    // Everything is connected and known to the server.
    await plane.engine.evaluate(call("before"));
    const before = await account();
    expect(before?.held).toBe(0);
    proxy.loseAnswers();
    expect((await plane.engine.decide(call("lost"))).cause).toBe("state_error");
    proxy.cut();
    await expect.poll(() => account().catch(() => undefined), { timeout: 8_000 }).toEqual(before);
    await expect
      .poll(async () => (await plane.engine.decide(call("lost"))).effect, { timeout: 10_000 })
      .toBe("allow");
    expect((await account())?.held).toBe(before?.used);
  });

  test("calls that were admitted together and not answered hold nothing, and may come again", async () => {
    const changes = [
      { collection: "sessions", key: "s", change: (old: unknown) => Number(old ?? 0) + 1 },
    ] as const;
    const admitAll = async (times: string): Promise<readonly unknown[]> => {
      const ids = Array.from({ length: 5 }, (_, at) => `${times} ${at}`);
      const answers = await Promise.allSettled(
        ids.map(async (id) => state.admit?.({ reserve: take(id, spec, 10), changes })),
      );
      return answers.map((one) => one.status === "fulfilled" && one.value?.isAdmitted);
    };
    // The server knows the script.
    expect(await admitAll("warm")).toEqual(Array.from({ length: 5 }, () => true));
    proxy.loseAnswers();
    expect(await admitAll("lost")).toEqual(Array.from({ length: 5 }, () => false));
    proxy.cut();
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)), { timeout: 8_000 })
      .toEqual({ used: 0, held: 50, limit: 1_000 });
    expect(await state.sessions.read("s")).toBe(10);
    await expect
      .poll(() => admitAll("lost"), { timeout: 10_000 })
      .toEqual(Array.from({ length: 5 }, () => true));
    expect((await state.ledger.read(spec)).held).toBe(100);
  });

  test("a settlement whose answer was lost is charged once", async () => {
    await state.ledger.reserve(take("a", spec, 100));
    proxy.loseAnswers();
    const lost = state.ledger.settle("a", [30]);
    await pause(50);
    proxy.cut();
    await expect(lost).rejects.toMatchObject({ code: "state_failed" });
    await pause(800);
    expect(await state.ledger.read(spec)).toEqual({ used: 30, held: 0, limit: 1_000 });
  });

  test("what a call from a lease used after its time is charged when the server is back", async () => {
    const pending = new Set<() => void>();
    let aheadMs = 0;
    const leased = await openState({
      namespace,
      url: proxy.url,
      lease: { max: 100, ttlMs: 60_000 },
      ports: {
        logger: silentLogger,
        clock: { wallMs: () => Date.now() + aheadMs, elapsedMs: () => performance.now() + aheadMs },
        timers: {
          set(run) {
            pending.add(run);
            return () => void pending.delete(run);
          },
        },
      },
    });
    /** Whatever waits for its time has it. */
    const fire = (): void => {
      const due = [...pending];
      pending.clear();
      for (const run of due) run();
    };
    const [item] = take("late", spec, 60).items;
    await leased.ledger.reserve({ id: "late", ttlMs: 100, items: [{ ...item!, expired: "release" }] });
    aheadMs = 200;
    fire();
    await server.stop();
    await expect(Promise.resolve(leased.ledger.settle("late", [60]))).rejects.toMatchObject({
      code: "state_failed",
    });
    await Promise.resolve(leased.ledger.settle("late", [60])).catch(() => undefined);
    await server.start();
    const told = async (): Promise<unknown> => {
      fire();
      return attempt(() => state.ledger.read(spec));
    };
    await expect.poll(told, { timeout: 8_000 }).toMatchObject({ used: 60 });
    fire();
    await leased.close();
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)), { timeout: 8_000 })
      .toEqual({ used: 60, held: 0, limit: 1_000 });
  });

  test("an end that was held up on the way does not end a call made again meanwhile", async () => {
    const request = take("again", spec, 100);
    await state.ledger.reserve(request);
    proxy.holdRequests();
    await expect(state.ledger.release("again")).rejects.toMatchObject({ code: "state_failed" });
    // Told over the next connection.
    await expect.poll(() => attempt(() => state.ledger.read(spec))).toMatchObject({ held: 0 });
    expect(await state.ledger.reserve(request)).toEqual({ isGranted: true, breaches: [] });
    proxy.deliver();
    await pause(200);
    expect(await state.ledger.read(spec)).toEqual({ used: 0, held: 100, limit: 1_000 });
    await state.ledger.settle("again", [30]);
    expect(await state.ledger.read(spec)).toEqual({ used: 30, held: 0, limit: 1_000 });
  });

  /** A reservation that is held up on the way when its connection breaks. */
  const heldUp = async (isOneStep: boolean) => {
    const patient = await openState({
      namespace,
      url: proxy.url,
      timeoutMs: 2_000,
      ports: { logger: silentLogger },
    });
    const reserve = async (id: string): Promise<unknown> =>
      isOneStep
        ? patient.admit?.({ reserve: take(id, spec, 100), changes: [] })
        : patient.ledger.reserve(take(id, spec, 100));
    // The server knows the script.
    await reserve("known");
    await patient.ledger.release("known");
    proxy.holdRequests();
    const lost = reserve("lost").catch(() => "lost");
    await pause(20);
    proxy.hangUp();
    expect(await lost).toBe("lost");
    const witness = await openState({ url: server.url, namespace });
    return { patient, witness, heldNow: async () => (await witness.ledger.read(spec)).held };
  };

  test.for([
    ["a reservation", false],
    ["an admission", true],
  ] as const)(
    "%s that arrives after its connection broke and its call was ended is given back",
    async ([, isOneStep]) => {
      const { patient, witness, heldNow } = await heldUp(isOneStep);
      // By the plane that gave the call up: it finds nothing.
      await expect.poll(() => attempt(async () => patient.ledger.release("lost"))).toBeUndefined();
      proxy.deliver();
      await expect.poll(heldNow, { interval: 5 }).toBe(100);
      await expect.poll(heldNow, { timeout: 8_000 }).toBe(0);
      await Promise.all([patient.close(), witness.close()]);
    },
  );

  test("it gives back nothing of what another process has taken under its id meanwhile", async () => {
    const { patient, witness, heldNow } = await heldUp(false);
    await witness.ledger.reserve(take("lost", spec, 100));
    await expect.poll(() => attempt(async () => patient.ledger.read(spec))).toMatchObject({ held: 100 });
    proxy.deliver();
    // Told until the server cannot come to it any more, and once after that.
    await pause(3_000);
    expect(await heldNow()).toBe(100);
    await witness.ledger.settle("lost", [30]);
    expect(await witness.ledger.read(spec)).toMatchObject({ used: 30, held: 0 });
    await Promise.all([patient.close(), witness.close()]);
  });

  test("a paused server takes nothing of what was given up meanwhile", async () => {
    await state.ledger.reserve(take("before", spec, 10));
    server.pause();
    const failed = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, call) => state.ledger.reserve(take(`paused:${call}`, spec, 10))),
    );
    expect(failed.every(({ status }) => status === "rejected")).toBe(true);
    await pause(300);
    server.resume();
    await expect
      .poll(() => attempt(() => state.ledger.read(spec)), { timeout: 5_000 })
      .toEqual({ used: 0, held: 10, limit: 1_000 });
  });

  test("a paused server takes nothing of a process that is gone when it goes on", async () => {
    server.pause();
    const failed = Promise.allSettled([
      (async () => state.ledger.reserve(take("paused", spec, 10)))(),
      (async () => state.ledger.reserve(take("paused too", spec, 10)))(),
    ]);
    // It has given up, and never comes back to take anything back.
    await failed;
    await state.close();
    server.resume();
    const witness = await openState({ url: server.url, namespace });
    await pause(100);
    expect(await witness.ledger.read(spec)).toEqual({ used: 0, held: 0, limit: 1_000 });
    await witness.close();
  });

  test("a server killed in the middle of calls leaves an exact ledger", async () => {
    let held = 0;
    let settled = 0;
    const calls = Array.from({ length: 400 }, async (_, call) => {
      await pause(Math.floor(call / 4));
      const id = `call:${call}`;
      await state.ledger.reserve(take(id, budget("many", 1_000_000), 10));
      held += 10;
      if (call % 2 === 0) return;
      settled += 4;
      held -= 10;
      // Told at once or later: it counts either way.
      await Promise.resolve(state.ledger.settle(id, [4])).catch(() => undefined);
    });
    // Looked at from the start: a call that fails while the server ends is one of them.
    const ending = Promise.allSettled(calls);
    await pause(50);
    await server.kill();
    const ended = await ending;
    expect(ended.some(({ status }) => status === "rejected")).toBe(true);
    await server.start();
    await expect
      .poll(() => attempt(() => state.ledger.read(budget("many", 1_000_000))), { timeout: 10_000 })
      .toEqual({ used: settled, held, limit: 1_000_000 });
  });

  test("a first command waits for the first connection", async () => {
    const early = await openUnready(proxy.url);
    expect((await early.ledger.reserve(take("early", spec, 1))).isGranted).toBe(true);
    await early.close();
  });
});

async function openUnready(url: string): Promise<RedisState> {
  const { redisState } = await import("../src/index.ts");
  return redisState({ url, ports: { logger: silentLogger } });
}

/** While it is away, an error is the answer. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error.message : "not an error";
  }
}
