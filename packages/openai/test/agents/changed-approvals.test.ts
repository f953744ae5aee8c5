import { rule } from "@agentplane/core";
import { Agent, RunState } from "@openai/agents";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { ASK, calling, IDENTITY, planeOf, refundTool, runner } from "./agent-script.ts";

const DENY = { id: "no", blocking: [rule.denylist({ tools: ["refund"] })] };

describe("the arguments of a call", () => {
  test("of a saved state do not run when they were changed after the approval", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const make = () =>
      govern(
        plane,
        IDENTITY,
        new Agent({ name: "writer", model: calling(["refund", { amount: 5 }]), tools: [refundTool(seen)] }),
      );
    const paused = await runner.run(make(), "go");
    paused.state.approve(paused.interruptions[0]!);
    const forged = paused.state.toString().replaceAll(/(amount\\*":)5/g, "$1500");
    expect(forged).not.toBe(paused.state.toString());
    const anew = make();
    // The SDK may refuse it first; it must not run either way.
    await RunState.fromString(anew, forged)
      .then((state) => runner.run(anew, state))
      .catch(() => undefined);
    expect(seen).toStrictEqual([]);
    await plane.close();
  });
});

describe("an approval in a saved state", () => {
  const after = { ...ASK, description: "another version" };

  const OTHERS: readonly (readonly [string, object, typeof ASK])[] = [
    ["another tenant", { tenant: "globex" }, ASK],
    ["another session", { session: "s2" }, ASK],
    ["another user", { user: "bob" }, ASK],
    [
      "another version of the policy",
      {},
      { ...after, blocking: [...ASK.blocking, rule.denylist({ tools: ["x"] })] },
    ],
  ];
  // A millisecond may pass between any two readings, and none between many.
  const ticks = OTHERS.flatMap((other) => [1, 0].map((tickMs) => [...other, tickMs] as const));

  test("answers no question that came after it, where the run goes on in the same process", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const model = calling(["refund", { amount: 5 }]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!);
    plane.engine.addPolicy({ ...ASK, id: "late" });
    const result = await runner.run(agent, paused.state);
    expect([seen, JSON.stringify(result.history).includes("Error: ")]).toStrictEqual([[], true]);
    expect((await plane.approvals.list()).map(({ status }) => status)).toStrictEqual(["pending", "pending"]);
    await plane.close();
  });

  test.each(ticks)("answers no question of %s, where the state goes on", async (...given) => {
    const [_name, identity, policy, tickMs] = given;
    let nowMs = Date.now();
    const clock = { wallMs: () => (nowMs += tickMs), elapsedMs: () => (nowMs += tickMs) };
    const plane = planeOf({ policies: [ASK], ports: { clock } });
    const seen: unknown[] = [];
    const make = (who: object, ...calls: readonly (readonly [string, Record<string, unknown>])[]) =>
      govern(
        plane,
        { ...IDENTITY, user: "ann", ...who },
        new Agent({ name: "writer", model: calling(...calls), tools: [refundTool(seen)] }),
      );
    const paused = await runner.run(make({}, ["refund", { amount: 5 }]), "go");
    paused.state.approve(paused.interruptions[0]!);
    if (policy !== ASK) plane.engine.replaceAll("code", { apiVersion: "agentplane/v1", policies: [policy] });
    const other = make(identity);
    const result = await runner.run(other, await RunState.fromString(other, paused.state.toString()));
    expect(seen).toStrictEqual([]);
    expect(JSON.stringify(result.history)).toContain("Error: ");
    expect(await plane.approvals.list({ status: "pending" })).toHaveLength(2);
    await plane.close();
  });
});

describe("a no", () => {
  test("reaches the model with the words of the human", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const model = calling(["refund", {}]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const paused = await runner.run(agent, "go");
    paused.state.reject(paused.interruptions[0]!, { message: "not before Monday" });
    await runner.run(agent, paused.state);
    expect(JSON.stringify(model.calls.at(-1)?.request.input)).toContain("not before Monday");
    expect(seen).toHaveLength(0);
    await plane.close();
  });
});

describe("a listener", () => {
  test("that rejects lets nothing run that is blocked", async () => {
    const plane = planeOf({ policies: [DENY] });
    const seen: unknown[] = [];
    const agent = new Agent({ name: "writer", model: calling(["refund", {}]), tools: [refundTool(seen)] });
    agent.on("agent_tool_start", () => {
      throw new Error("broken listener");
    });
    await runner.run(govern(plane, IDENTITY, agent), "go").catch(() => undefined);
    expect(seen).toHaveLength(0);
    await plane.close();
  });
});

describe("a tool", () => {
  test("does not run when what is asked about it fails", async () => {
    const plane = planeOf();
    plane.hooks.on("before_tool_call", () => {
      throw new Error("engine down");
    });
    const seen: unknown[] = [];
    const model = calling(["refund", {}]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const result = await runner.run(agent, "go");
    expect(seen).toHaveLength(0);
    expect(JSON.stringify(result.history)).toContain("Error: ");
    await plane.close();
  });
});

describe("what the user said", () => {
  test("is redacted in every turn, while the history keeps it", async () => {
    const redact = rule.redact({ detect: ["email"], from: ["prompt"] });
    const policies = [
      { id: "r", selector: { hookpoints: ["before_model_call" as const] }, blocking: [redact] },
    ];
    const plane = planeOf({ policies });
    const model = calling(["refund", {}]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool([])] }));
    const result = await runner.run(agent, "I am ann@acme.com");
    expect(model.calls).toHaveLength(2);
    expect(JSON.stringify(model.calls.map(({ request }) => request.input))).not.toContain("ann@acme.com");
    expect(JSON.stringify(result.history)).toContain("ann@acme.com");
    await plane.close();
  });
});
