import { createAgentPlane, rule, type AgentPlane, type RuleSpec } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { redisState, type RedisStateOptions } from "../src/index.ts";
import { freshNamespace } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { watchCommands, type SentCommands } from "./sent-commands.ts";

/** How many commands one governed call is: its admission, then its end. */
type Sent = readonly [admission: number, end: number];

describe.skipIf(!canStartServers)("the commands of a governed call", () => {
  let server: PrivateServer;
  let sent: SentCommands;
  const planes: AgentPlane[] = [];

  beforeAll(async () => {
    server = await startServer();
    sent = await watchCommands(server.url);
  });
  afterEach(async () => {
    await Promise.all(planes.splice(0).map((plane) => plane.close()));
  });
  afterAll(async () => {
    sent.close();
    await server.dispose();
  });

  async function openPlane(
    blocking: readonly RuleSpec[],
    options: Partial<RedisStateOptions>,
  ): Promise<AgentPlane> {
    // No heartbeat in between is counted.
    const settings = { url: server.url, namespace: freshNamespace(), heartbeatMs: 60_000, ...options };
    const plane = createAgentPlane({
      state: redisState(settings),
      policies: [{ id: "p", blocking }],
      tools: { search: { access: "read", external: false } },
    });
    planes.push(plane);
    await plane.ready();
    return plane;
  }

  async function sentBy(plane: AgentPlane, callId?: string): Promise<Sent> {
    await sent.take();
    let admission: readonly string[] = [];
    const outcome = await plane.guard.toolCall({
      context: {
        hookpoint: "before_tool_call",
        agent: "a",
        session: "s",
        tool: { name: "search", input: {} },
        ...(callId !== undefined && { callId }),
      },
      run: async () => {
        admission = await sent.take();
        return "found";
      },
    });
    expect(outcome.status).toBe("ran");
    return [admission.length, (await sent.take()).length];
  }

  const rates = (count: number): readonly RuleSpec[] =>
    Array.from({ length: count }, (_, at) =>
      rule.rate({ id: `r${at}`, limit: 100_000, window: "1h", per: "agent" }),
    );
  const LEASE = { lease: { max: 10_000, ttlMs: 60_000 } };
  const READS_HISTORY = rule.loop({ maxRepeats: 100 });

  test.for<
    readonly [name: string, rules: readonly RuleSpec[], options: Partial<RedisStateOptions>, sent: Sent]
  >([
    ["no limit: the history of its session", [], {}, [1, 1]],
    ["one limit: one more", rates(1), {}, [2, 2]],
    ["twenty limits: one more, for all of them", rates(20), {}, [2, 2]],
    ["twenty limits within a lease: none more", rates(20), LEASE, [1, 1]],
    ["a rule that reads the history: three readings more", [READS_HISTORY], {}, [4, 1]],
    ["such a rule and twenty limits", [READS_HISTORY, ...rates(20)], {}, [5, 2]],
  ])("%s", async ([, rules, options, expected]) => {
    const plane = await openPlane(rules, options);
    // The server knows the scripts, and a lease is taken.
    await sentBy(plane);
    await sentBy(plane);
    expect(await sentBy(plane)).toEqual(expected);
    // An id: two more to know the call again, and one when it has ended.
    const [admission, end] = expected;
    await sentBy(plane, "first");
    expect(await sentBy(plane, "second")).toEqual([admission + 2, end + 1]);
  });
});
