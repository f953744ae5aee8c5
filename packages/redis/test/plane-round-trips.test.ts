import { createAgentPlane, rule, type AgentPlane, type RuleSpec } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { redisState, type RedisStateOptions } from "../src/index.ts";
import { freshNamespace, openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { watchCommands, type SentCommands } from "./sent-commands.ts";

/** How many commands one governed call is: its admission, then its end. */
type Sent = readonly [admission: number, end: number];

/** What is read of a session's history. */
interface History {
  readonly counts?: { readonly calls: number };
}

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
      stateTimeout: "30s",
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
    ["no limit", [], {}, [1, 1]],
    ["one limit", rates(1), {}, [1, 2]],
    ["twenty limits", rates(20), {}, [1, 2]],
    ["twenty limits within a lease", rates(20), LEASE, [1, 1]],
    ["a rule that reads the history", [READS_HISTORY], {}, [1, 1]],
    ["such a rule and twenty limits", [READS_HISTORY, ...rates(20)], {}, [1, 2]],
  ])("one before it runs, under %s", async ([, rules, options, expected]) => {
    const plane = await openPlane(rules, options);
    // The server knows the scripts, and a lease is taken.
    await sentBy(plane);
    await sentBy(plane);
    expect(await sentBy(plane)).toEqual(expected);
    // With an id too, and one more when it has ended.
    const [admission, end] = expected;
    await sentBy(plane, "first");
    expect(await sentBy(plane, "second")).toEqual([admission, end + 1]);
  });

  test("one more where another process has written the history meanwhile", async () => {
    const namespace = freshNamespace();
    const [plane, other] = [
      await openPlane([READS_HISTORY], { namespace }),
      await openPlane([READS_HISTORY], { namespace }),
    ];
    await sentBy(plane);
    await sentBy(other);
    expect(await sentBy(plane)).toEqual([2, 1]);
    expect(await sentBy(plane)).toEqual([1, 1]);
  });

  test("two more in every sixteen where a session is long, whatever reads its history", async () => {
    const plane = await openPlane([READS_HISTORY], {});
    const context = { hookpoint: "before_tool_call", agent: "a", session: "s", tool: "search" } as const;
    const sixteen = async (): Promise<number> => {
      await sent.take();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      for (let call = 0; call < 16; call++) await plane.guard.toolCall({ context, run: () => "found" });
      await plane.flush();
      return (await sent.take()).length;
    };
    await sixteen();
    expect([await sixteen(), await sixteen()]).toEqual([34, 34]);
  });

  test("two where a limit is reached: asked once, and noted", async () => {
    const plane = await openPlane([rule.rate({ limit: 1, window: "1h", per: "agent" })], {});
    await sentBy(plane);
    const refused = async (): Promise<readonly string[]> => {
      await sent.take();
      const context = { hookpoint: "before_tool_call", agent: "a", session: "s", tool: "search" } as const;
      expect((await plane.engine.decide(context)).effect).toBe("block");
      return sent.take();
    };
    await refused();
    expect(await refused()).toHaveLength(2);
  });

  test.for([
    ["all of one agent", 1, 1_000_000, {}, 150],
    ["each of its own agent", 150, 1_000_000, {}, 150],
    ["of one agent, of which a hundred fit", 1, 100, {}, 100],
    ["of one agent, within a lease", 1, 1_000_000, LEASE, 150],
  ] as const)("many calls at once, %s, share their commands", async ([, agents, limit, options, fitting]) => {
    const namespace = freshNamespace();
    const rate = rule.rate({ limit, window: "1h", per: "tenant" });
    // The server knows the scripts.
    await sentBy(await openPlane([rate], options));
    const plane = await openPlane([rate], { namespace, ...options });
    await sent.take();
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, async (_, at) =>
        plane.guard.toolCall({
          context: {
            hookpoint: "before_tool_call",
            agent: `a${at % agents}`,
            tenant: "t",
            callId: `call ${at}`,
            tool: { name: "search", input: { at } },
          },
          run: () => "found",
        }),
      ),
    );
    const commands = await sent.take();
    expect(outcomes.filter(({ status }) => status === "ran")).toHaveLength(fitting);
    expect(commands.filter((name) => name.startsWith("eval")).length).toBeLessThan(fitting + 50);
    const reader = await openState({ url: server.url, namespace });
    const histories = await reader.sessions.list<History & { readonly history?: History }>("");
    await reader.close();
    // The parts of a long history are listed beside it.
    const counted = histories.flatMap(([, { counts, history }]) => (history?.counts ?? counts)?.calls ?? []);
    expect(counted).toHaveLength(agents);
    expect(counted.reduce((sum, calls) => sum + calls, 0)).toBe(fitting);
  });
});
