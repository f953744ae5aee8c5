import { createAgentPlane, rule, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { postgresState } from "../src/postgres-state.ts";
import { openNetwork, type Network } from "./network.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

const TIMEOUT_MS = 500;
/** What a machine that does other things may add. */
const SLACK_MS = 700;
/** What a call holds of the time budget; none here takes so long. */
const ESTIMATE_MS = 60_000;
/** What the caller gets where the state fails while the tool runs. */
const ANSWERS = {
  allow: { status: "ran", result: "found" },
  block: {
    status: "blocked",
    message: expect.stringContaining("WAS executed") as string,
    decision: { cause: "state_error" },
  },
};
type OnStateError = NonNullable<PlaneOptions["onStateError"]>;

describe.skipIf(!canStartServers)("a plane whose server fails", () => {
  let server: PrivateServer;
  let network: Network;
  let opened = 0;
  const planes: AgentPlane[] = [];

  beforeAll(async () => {
    server = await PrivateServer.create();
    network = await openNetwork(server.port);
    const installed = postgresState({ connectionString: server.url, timeoutMs: 60_000 });
    await installed.controls.read("installs");
    await installed.close();
  }, 120_000);
  afterEach(async () => {
    server.resume();
    network.heal();
    await Promise.all(planes.splice(0).map((plane) => plane.close()));
  });
  afterAll(async () => {
    network.close();
    await server.destroy();
  });

  /** What is done to it, and what makes it good again. */
  const FAULTS: Readonly<Record<string, readonly [fail: () => unknown, mend: () => unknown]>> = {
    "is stopped": [() => server.stop(), () => server.start()],
    "is paused": [() => server.pause(), () => server.resume()],
    "is cut off": [() => network.swallow(), () => network.heal()],
    "loses its answers": [() => network.loseAnswers(), () => network.cut()],
  };
  const CASES = Object.keys(FAULTS).flatMap((fault) => [
    [fault, "block"] as const,
    [fault, "allow"] as const,
  ]);

  async function openPlane(onStateError: OnStateError): Promise<AgentPlane> {
    const plane = createAgentPlane({
      id: `plane ${opened++}`,
      state: postgresState({
        connectionString: `postgres://postgres@127.0.0.1:${network.port}/postgres`,
        timeoutMs: TIMEOUT_MS,
        // Plugs and modes stay confirmed while a fault lasts: it is calls that are looked at.
        pollMs: 5_000,
        ports: { logger: QUIET },
      }),
      ports: { logger: QUIET },
      onStateError,
      tools: { search: { access: "read", external: false } },
      policies: [
        {
          id: "p",
          blocking: [
            rule.rate({ limit: 100, window: "1h", per: "agent" }),
            rule.timeBudget({ limit: "2h", window: "1d", estimate: "1m", per: "agent" }),
          ],
        },
      ],
    });
    planes.push(plane);
    // The first calls also open connections, which may take a while on a machine with other work.
    await expect
      .poll(async () => plane.ready().then(() => "ready", String), { timeout: 15_000 })
      .toBe("ready");
    await works(plane);
    return plane;
  }

  const call = (plane: AgentPlane, run: () => unknown = () => "found") =>
    plane.guard.toolCall({
      context: {
        hookpoint: "before_tool_call",
        agent: "a",
        session: "s",
        callId: `call ${opened++}`,
        tool: { name: "search", input: {} },
      },
      run,
    });
  const works = async (plane: AgentPlane): Promise<void> => {
    const isWhole = async (): Promise<boolean> => {
      const { status, decision } = await call(plane);
      return status === "ran" && decision.cause !== "state_error";
    };
    await expect.poll(isWhole, { timeout: 15_000, interval: 100 }).toBe(true);
  };
  const callsOf = async (plane: AgentPlane): Promise<number> => {
    const [rate] = await plane.limits.read({ policyId: "p", ruleId: "rate", agent: "a" });
    return rate?.used ?? Number.NaN;
  };
  /** Nothing is held, and what was measured is charged, not what was held. */
  const settledWith = async (plane: AgentPlane, calls: number): Promise<void> => {
    const account = async () => {
      const [time] = await plane.limits.read({ policyId: "p", ruleId: "timeBudget", agent: "a" });
      return { calls: await callsOf(plane), held: time?.held, isMeasured: (time?.used ?? 0) < ESTIMATE_MS };
    };
    await expect
      .poll(() => account().catch(String), { timeout: 15_000, interval: 50 })
      .toEqual({ calls, held: 0, isMeasured: true });
  };

  // To whoever asks, a server that is cut off or loses its answers is one that is paused.
  test.for(CASES.slice(0, 4))(
    "%s before a call, with onStateError %s: it is decided in time",
    async (row) => {
      const [fault, onStateError] = row;
      const [fail, mend] = FAULTS[fault]!;
      const plane = await openPlane(onStateError);
      await fail();
      const beganMs = performance.now();
      const { status } = await call(plane);
      // To know the call, its history, its limits; and, where it ran, its history and its end.
      const waits = onStateError === "allow" ? 5 : 2;
      expect(performance.now() - beganMs).toBeLessThan(waits * TIMEOUT_MS + SLACK_MS);
      expect(status).toBe(onStateError === "allow" ? "ran" : "blocked");
      await mend();
      await works(plane);
    },
  );

  test.for(CASES)("%s while a tool runs, with onStateError %s: the call is charged once", async (row) => {
    const [fault, onStateError] = row;
    const [fail, mend] = FAULTS[fault]!;
    const plane = await openPlane(onStateError);
    const before = await callsOf(plane);
    await settledWith(plane, before);
    let beganMs = 0;
    const outcome = await call(plane, async () => {
      await fail();
      beganMs = performance.now();
      return "found";
    });
    // What was used, its history, its end.
    expect(performance.now() - beganMs).toBeLessThan(3 * TIMEOUT_MS + SLACK_MS);
    expect(outcome).toMatchObject(ANSWERS[onStateError]);
    await mend();
    await settledWith(plane, before + 1);
    await works(plane);
  });
});
