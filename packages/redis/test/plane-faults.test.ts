import { createAgentPlane, rule, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { redisState } from "../src/index.ts";
import { openProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { freshNamespace, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

const TIMEOUT_MS = 1_000;
/** What the caller gets. */
const ANSWERS = {
  allow: { status: "ran", result: "found" },
  block: {
    status: "blocked",
    message: expect.stringContaining("WAS executed") as string,
    decision: { cause: "state_error" },
  },
};
/** What a call holds of the time budget; none here takes so long. */
const ESTIMATE_MS = 60_000;

describe.skipIf(!canStartServers)("a server that fails in the middle of a governed call", () => {
  let server: PrivateServer;
  let proxy: CuttingProxy;
  const planes: AgentPlane[] = [];

  beforeAll(async () => {
    server = await startServer();
    proxy = await openProxy(server.port);
  });
  afterEach(async () => {
    server.resume();
    await Promise.all(planes.splice(0).map((plane) => plane.close()));
  });
  afterAll(async () => {
    proxy.close();
    await server.dispose();
  });

  /** What is done to it while the tool runs, and what makes it good again. */
  const FAULTS: Readonly<Record<string, readonly [fail: () => unknown, mend: () => unknown]>> = {
    "is stopped": [() => server.stop(), () => server.start()],
    "is killed": [() => server.kill(), () => server.start()],
    "is paused": [() => server.pause(), () => server.resume()],
    "is cut off": [() => proxy.cut(), () => undefined],
    "loses its answers": [() => proxy.loseAnswers(), () => proxy.cut()],
  };

  async function openPlane(onStateError: NonNullable<PlaneOptions["onStateError"]>): Promise<AgentPlane> {
    const ports = { logger: silentLogger };
    const settings = { url: proxy.url, namespace: freshNamespace(), heartbeatMs: 200, ports };
    const plane = createAgentPlane({
      state: redisState({ ...settings, timeoutMs: TIMEOUT_MS }),
      ports,
      onStateError,
      tools: { search: { access: "read", external: false } },
      policies: [
        {
          id: "p",
          blocking: [
            rule.rate({ limit: 5, window: "1h", per: "agent" }),
            rule.timeBudget({ limit: "1h", window: "1d", estimate: "1m", per: "agent" }),
          ],
        },
      ],
    });
    planes.push(plane);
    // A first connection may take longer than a call may, on a machine with other work.
    await expect
      .poll(async () => plane.ready().then(() => "ready", String), { timeout: 15_000 })
      .toBe("ready");
    return plane;
  }

  const call = (plane: AgentPlane, run: () => unknown, callId = "c") =>
    plane.guard.toolCall({
      context: {
        hookpoint: "before_tool_call",
        agent: "a",
        session: "s",
        callId,
        tool: { name: "search", input: {} },
      },
      run,
    });
  const account = async (plane: AgentPlane) => {
    const read = async (ruleId: string) => plane.limits.read({ policyId: "p", ruleId, agent: "a" });
    const [[calls], [time]] = await Promise.all([read("rate"), read("timeBudget")]);
    return { calls: calls?.used, held: time?.held, isMeasured: (time?.used ?? ESTIMATE_MS) < ESTIMATE_MS };
  };
  const settledWith = async (plane: AgentPlane, calls: number): Promise<void> => {
    await expect
      .poll(() => account(plane).catch(String), { timeout: 10_000, interval: 50 })
      .toEqual({ calls, held: 0, isMeasured: true });
  };

  test.for(
    Object.keys(FAULTS).flatMap((fault) => [
      [fault, "block", "what it found is withheld"] as const,
      [fault, "allow", "what it found is given"] as const,
    ]),
  )("%s, with onStateError %s: %s, in time, and it is charged once", async ([fault, onStateError]) => {
    const [fail, mend] = FAULTS[fault]!;
    const plane = await openPlane(onStateError);
    await call(plane, () => "warm", "warm");
    await settledWith(plane, 1);
    let beganMs = 0;
    const outcome = await call(plane, async () => {
      await fail();
      beganMs = performance.now();
      return "found";
    });
    // Its end has three things to tell, one after the other: what was used, its history, that it is done.
    expect(performance.now() - beganMs).toBeLessThan(3 * TIMEOUT_MS + 500);
    expect(outcome).toMatchObject(ANSWERS[onStateError]);
    await mend();
    await settledWith(plane, 2);
    await expect
      .poll(async () => (await call(plane, () => "found", `after ${performance.now()}`)).status, {
        timeout: 10_000,
      })
      .toBe("ran");
    // Nothing that was held up or lost is told once more.
    await pause(TIMEOUT_MS + 100);
    await settledWith(plane, 3);
  });
});
