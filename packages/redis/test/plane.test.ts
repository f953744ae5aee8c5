/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { createAgentPlane, enforce, rule, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { redisState } from "../src/index.ts";
import { freshNamespace, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

const TIMEOUT_MS = 500;
/** Where nothing fails but a busy machine. */
const LONG_MS = 10_000;
const POLICIES = [{ id: "limits", blocking: [rule.rate({ limit: 5, window: "1h", per: "agent" })] }];

describe.skipIf(!canStartServers)("a plane", () => {
  let server: PrivateServer;
  let namespace: string;
  const planes: AgentPlane[] = [];
  const workers: WorkerProcess[] = [];

  beforeEach(async () => {
    server = await startServer();
    namespace = freshNamespace();
  });
  afterEach(async () => {
    server.resume();
    for (const worker of workers.splice(0)) worker.close();
    await Promise.all(planes.splice(0).map((plane) => plane.close()));
    await server.dispose();
  });

  async function openPlane(options: Partial<PlaneOptions> = {}, timeoutMs = TIMEOUT_MS): Promise<AgentPlane> {
    const ports = { logger: silentLogger };
    const state = redisState({ url: server.url, namespace, timeoutMs, heartbeatMs: 500, ports });
    const plane = createAgentPlane({ policies: POLICIES, state, ports, ...options });
    planes.push(plane);
    // A first connection may take longer than a call may, on a machine with other work.
    await expect
      .poll(async () => plane.ready().then(() => "ready", String), { timeout: 15_000 })
      .toBe("ready");
    return plane;
  }

  const callOf = (plane: AgentPlane, agent = "worker"): (() => Promise<string>) =>
    enforce(
      plane.guard,
      async function search() {
        return "found";
      },
      { agent },
    );

  test("counts with others on the same state", async () => {
    const [a, b] = [callOf(await openPlane({}, LONG_MS)), callOf(await openPlane({}, LONG_MS))];
    const outcomes = await Promise.allSettled([a(), b(), a(), b(), a(), b(), a(), b()]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "policy_blocked", data: { ruleId: "rate" } },
    });
  });

  test("keeps apart from another plane on the same state", async () => {
    const a = callOf(await openPlane({ id: "a" }, LONG_MS));
    const b = callOf(await openPlane({ id: "b" }, LONG_MS));
    for (let call = 0; call < 5; call++) await Promise.all([a(), b()]);
    await expect(a()).rejects.toMatchObject({ code: "policy_blocked" });
  });

  test("blocks while the server is away, and goes on by itself when it is back", async () => {
    const search = callOf(await openPlane());
    await search();
    await server.stop();
    await expect(search()).rejects.toMatchObject({ code: "policy_blocked" });
    await server.start();
    await expect.poll(() => search().catch(() => "blocked"), { timeout: 5_000 }).toBe("found");
  });

  test.each(["kill", "pause"] as const)(
    "with onStateError allow lets go on what no rule objects to, in time (%s)",
    async (fault) => {
      const search = callOf(await openPlane({ onStateError: "allow" }));
      await search();
      await server[fault]();
      const startedAt = performance.now();
      await expect(search()).resolves.toBe("found");
      // A call asks for its limits and its history before it runs, and tells of both afterwards.
      expect(performance.now() - startedAt).toBeLessThan(4 * TIMEOUT_MS + 500);
    },
  );

  test("a paused server blocks within the deadline, and nothing is counted twice afterwards", async () => {
    const plane = await openPlane();
    const search = callOf(plane);
    await search();
    server.pause();
    const startedAt = performance.now();
    await expect(search()).rejects.toMatchObject({ code: "policy_blocked" });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    await pause(300);
    server.resume();
    await expect.poll(() => search().catch(() => "blocked"), { timeout: 5_000 }).toBe("found");
    await expect
      .poll(() => plane.limits.read({ policyId: "limits", ruleId: "rate", agent: "worker" }))
      .toEqual([{ used: 2, held: 0, limit: 5 }]);
  });

  test("a stop it may not have heard of blocks it, also when the server falls silent before its first heartbeat", async () => {
    const plane = await openPlane();
    const peek = async (): Promise<string> => {
      const call = { hookpoint: "before_tool_call", agent: "worker", tool: "search" } as const;
      return (await plane.engine.decide(call, { intent: "peek" })).effect;
    };
    expect(await peek()).toBe("allow");
    server.pause();
    await expect.poll(peek, { timeout: 5_000 }).toBe("block");
  });

  test("with a stateTimeout does not wait for the connection's own, and takes back what comes too late", async () => {
    const plane = await openPlane({ stateTimeout: "200ms" }, 30_000);
    const search = callOf(plane);
    await search();
    server.pause();
    const startedAt = performance.now();
    await expect(search()).rejects.toMatchObject({ code: "policy_blocked" });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    server.resume();
    await expect.poll(() => search().catch(() => "blocked"), { timeout: 10_000 }).toBe("found");
    await expect
      .poll(() => plane.limits.read({ policyId: "limits", ruleId: "rate", agent: "worker" }), {
        timeout: 5_000,
      })
      .toEqual([{ used: 2, held: 0, limit: 5 }]);
  });

  test("a stop is in force in every process within a second", { timeout: 60_000 }, async () => {
    const plane = await openPlane({ policies: [] });
    const worker = new WorkerProcess(server.url, namespace);
    workers.push(worker);
    await worker.until(true);
    const stops: number[] = [];
    for (let round = 0; round < 20; round++) {
      const startedAt = performance.timeOrigin + performance.now();
      await plane.controls.unplug({ kind: "agent", id: "worker" }, { by: "test", reason: "drill" });
      stops.push((await worker.until(false)) - startedAt);
      await plane.controls.plug({ kind: "agent", id: "worker" }, { by: "test" });
      await worker.until(true);
    }
    stops.sort((a, b) => a - b);
    const [p50 = NaN, max = NaN] = [stops[10], stops[19]];
    console.info(
      `stop across two processes on Redis: p50 ${p50.toFixed(1)} ms, max ${max.toFixed(1)} ms of 20`,
    );
    expect(max).toBeLessThan(1_000);
  });

  test("a stop that was given while a process was cut off is in force when it is back", async () => {
    const plane = await openPlane({ policies: [] });
    const other = await openPlane({ policies: [] });
    await server.stop();
    await expect(async () =>
      plane.controls.unplug({ kind: "agent", id: "worker" }, { by: "test", reason: "drill" }),
    ).rejects.toThrow();
    await server.start();
    await expect
      .poll(async () => {
        await plane.controls.unplug({ kind: "agent", id: "worker" }, { by: "test", reason: "drill" });
        return "told";
      })
      .toBe("told");
    await expect.poll(() => other.controls.status().plugs.length, { timeout: 5_000 }).toBe(1);
    await expect(callOf(other)()).rejects.toMatchObject({ code: "policy_blocked" });
  });

  test("survives a restart of everything: stops and counts", async () => {
    const first = await openPlane();
    for (let call = 0; call < 4; call++) await callOf(first)();
    await first.controls.unplug({ kind: "agent", id: "other" }, { by: "test", reason: "drill" });
    await first.close();
    await server.stop();
    await server.start();
    const again = await openPlane();
    await expect(callOf(again, "other")()).rejects.toMatchObject({ code: "policy_blocked" });
    await callOf(again)();
    await expect(callOf(again)()).rejects.toMatchObject({ code: "policy_blocked" });
  });
});

/** Another process with a plane on the same state. */
class WorkerProcess {
  readonly #child: ChildProcess;
  #isAllowed: boolean | undefined;
  #atMs = 0;
  #changed = (): void => undefined;

  constructor(url: string, namespace: string) {
    const path = fileURLToPath(new URL("processes/plane-process.ts", import.meta.url));
    this.#child = fork(path, [url, namespace], { execArgv: ["--conditions=agentplane-source"] });
    this.#child.on("message", ({ isAllowed, atMs }: { isAllowed: boolean; atMs: number }) => {
      this.#isAllowed = isAllowed;
      this.#atMs = atMs;
      this.#changed();
    });
  }

  /** @returns When it was so, in epoch ms. */
  async until(isAllowed: boolean): Promise<number> {
    while (this.#isAllowed !== isAllowed) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.#atMs;
  }

  close(): void {
    this.#child.disconnect();
  }
}
