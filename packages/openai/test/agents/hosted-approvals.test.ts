import { rule } from "@agentplane/core";
import { RunState } from "@openai/agents";
import type OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { approvalIdOf } from "../../src/agents.ts";
import { govern } from "../../src/index.ts";
import { IDENTITY, planeOf, runner, STOP } from "./agent-script.ts";
import { HostedProvider } from "./hosted-provider.ts";

let provider: HostedProvider;
beforeEach(async () => void (provider = await HostedProvider.start()));
afterEach(() => provider.close());

const MUST_ASK = {
  id: "ask",
  selector: { tools: ["shop/purge"] },
  blocking: [rule.condition({ where: { tool: "shop/purge" }, then: "escalate" as const })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};
const BY_OPERATOR = {
  ...MUST_ASK,
  escalation: [
    {
      trigger: "condition",
      after: 1,
      within: "1h",
      action: { hitl: { timeout: "5m", by: "operator" as const } },
    },
  ],
};

describe("a call on a remote MCP server that needs a human", () => {
  test.each([
    ["a client", false],
    ["a governed client", true],
  ])("is, through %s, a native interruption, and runs once it is approved", async (_name, isGoverned) => {
    const plane = planeOf({ policies: [MUST_ASK] });
    const under = (client: OpenAI): OpenAI =>
      isGoverned ? govern(plane, { agent: "ops", ...IDENTITY }, client) : client;
    const agent = provider.agentOf(plane, undefined, IDENTITY, under);
    const paused = await runner.run(agent, "go");
    const [item] = paused.interruptions;
    expect(item?.name).toBe("purge");
    const approvalId = approvalIdOf(item!) ?? "";
    expect(plane.approvals.get(approvalId)).toMatchObject({ status: "pending" });
    expect(provider.ran).toStrictEqual([]);
    paused.state.approve(item!);
    const result = await runner.run(agent, paused.state);
    expect(result.finalOutput).toBe("done");
    expect(provider.ran).toStrictEqual(["r1"]);
    expect(plane.approvals.get(approvalId)).toMatchObject({ status: "consumed" });
    await plane.close();
  });

  test("goes on from a saved state in another process, once", async () => {
    const plane = planeOf({ policies: [MUST_ASK] });
    const paused = await runner.run(provider.agentOf(plane), "go");
    paused.state.approve(paused.interruptions[0]!);
    const saved = paused.state.toString();
    for (let time = 0; time < 2; time++) {
      const anew = provider.agentOf(plane);
      // oxlint-disable-next-line no-await-in-loop -- one resume after the other is what is tested
      await runner.run(anew, await RunState.fromString(anew, saved));
      // oxlint-disable-next-line no-await-in-loop
      expect(provider.lastAnswers()).toStrictEqual([time === 0]);
    }
    await plane.close();
  });

  test("is told no, with the reason, when it is killed between the question and the answer", async () => {
    const plane = planeOf({ policies: [MUST_ASK] });
    const agent = provider.agentOf(plane);
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!);
    await plane.controls.unplug({ kind: "tool", id: "purge" }, STOP);
    const result = await runner.run(agent, paused.state);
    expect(result.finalOutput).toBe("done");
    expect(provider.ran).toStrictEqual([]);
    expect(provider.lastAnswers()).toStrictEqual([false]);
    await plane.close();
  });

  test("is told no where a policy would have it run with other arguments, which nobody can give it", async () => {
    const redact = {
      id: "privacy",
      selector: { hookpoints: ["before_tool_call" as const] },
      blocking: [rule.redact({ fields: ["all"], from: ["input"] })],
    };
    const plane = planeOf({ policies: [redact] });
    const agent = provider.agentOf(plane, async () => ({ approve: true }));
    await runner.run(agent, "go");
    expect(provider.ran).toStrictEqual([]);
    expect(provider.bodies.at(-1)?.input).toContainEqual(expect.objectContaining({ approve: false }));
    expect(JSON.stringify(provider.bodies.at(-1))).toContain("other arguments");
    await plane.close();
  });

  test("is not approved by alwaysApprove of an earlier one", async () => {
    provider.asks = ["r1", "r2"];
    const plane = planeOf({ policies: [MUST_ASK] });
    const agent = provider.agentOf(plane);
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!, { alwaysApprove: true });
    await runner.run(agent, paused.state);
    expect(provider.ran).toStrictEqual(["r1"]);
    await plane.close();
  });

  test("is approved by a callback as by any client: not where an operator must answer", async () => {
    const yes = async () => ({ approve: true });
    for (const [policy, expected] of [
      [MUST_ASK, ["r1"]],
      [BY_OPERATOR, []],
    ] as const) {
      [provider.bodies, provider.ran] = [[], []];
      const plane = planeOf({ policies: [policy] });
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await runner.run(provider.agentOf(plane, yes), "go");
      expect(provider.ran).toStrictEqual(expected);
      // oxlint-disable-next-line no-await-in-loop
      await plane.close();
    }
  });

  test("stays allowed in the turns after it, and is decided once", async () => {
    provider.asks = ["r1", "r2"];
    const plane = planeOf();
    const agent = provider.agentOf(plane, async () => ({ approve: true }));
    await runner.run(agent, "go");
    expect(provider.ran).toStrictEqual(["r1", "r2"]);
    expect(provider.lastAnswers()).toStrictEqual([true, true]);
    await plane.close();
  });
});
