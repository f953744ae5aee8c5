import { createAgentPlane, rule } from "@agentplane/core";
import { Agent, Runner, RunState, type Model } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { approvalIdOf, govern } from "../../src/agents.ts";
import { answer, STOP, ASK, planeOf, calling, refundTool, IDENTITY, runner } from "./agent-script.ts";

describe("approvals", () => {
  test("a saved and approved state that is resumed twice runs the tool once", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "writer", model: calling(["refund", { amount: 5 }]), tools: [refundTool(seen)] }),
    );
    const paused = await runner.run(agent, "go");
    const [item] = paused.interruptions;
    expect(plane.approvals.get(approvalIdOf(item!) ?? "")).toMatchObject({ status: "pending" });
    paused.state.approve(item!);
    const saved = paused.state.toString();
    await runner.run(agent, await RunState.fromString(agent, saved));
    const again = new Agent({ name: "writer", model: calling(), tools: [refundTool(seen)] });
    const anew = govern(plane, IDENTITY, again);
    const second = await runner.run(anew, await RunState.fromString(anew, saved));
    expect(seen).toStrictEqual([{ amount: 5 }]);
    expect(JSON.stringify(second.history)).toContain("Error: ");
    await plane.close();
  });

  test("of the calls of one turn each waits for its own, and none runs twice", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const calls = [functionCall("find", { amount: 0 }, { callId: "a" })].concat(
      [1, 2].map((amount) => functionCall("refund", { amount }, { callId: `b${amount}` })),
    );
    const model = new ScriptedModel([
      answer({ output: calls }),
      answer({ output: [assistantMessage("done")] }),
    ]);
    const tools = [{ ...refundTool(seen), name: "find" }, refundTool(seen)];
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools }));
    let result = await runner.run(agent, "go");
    expect(result.interruptions).toHaveLength(2);
    for (const ran of [1, 2]) {
      expect(seen).toHaveLength(ran);
      result.state.approve(result.interruptions[0]!);
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      result = await runner.run(agent, result.state);
    }
    expect(result.finalOutput).toBe("done");
    expect(seen).toStrictEqual([{ amount: 0 }, { amount: 1 }, { amount: 2 }]);
    await plane.close();
  });

  test("a process that started anew goes on with what was saved", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const first = govern(
      plane,
      IDENTITY,
      new Agent({ name: "writer", model: calling(["refund", {}]), tools: [refundTool(seen)] }),
    );
    const paused = await runner.run(first, "go");
    paused.state.approve(paused.interruptions[0]!);
    const anew = govern(
      plane,
      IDENTITY,
      new Agent({ name: "writer", model: calling(), tools: [refundTool(seen)] }),
    );
    const result = await runner.run(anew, await RunState.fromString(anew, paused.state.toString()));
    expect(result.finalOutput).toBe("done");
    expect(seen).toHaveLength(1);
    await plane.close();
  });

  test("alwaysApprove answers no later question of the plane", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const model = calling(["refund", { amount: 1 }], ["refund", { amount: 2 }]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!, { alwaysApprove: true });
    const result = await runner.run(agent, paused.state);
    // The SDK asks nobody about the second: it comes as far as the plane, whose question nobody has answered.
    expect([seen, result.interruptions, result.finalOutput]).toStrictEqual([[{ amount: 1 }], [], "done"]);
    const read = result.history.filter(({ type }) => type === "function_call_result");
    expect(read.map((one) => JSON.stringify(one).includes("Error: "))).toStrictEqual([false, true]);
    expect((await plane.approvals.list()).map(({ status }) => status)).toStrictEqual(["consumed", "pending"]);
    await plane.close();
  });

  test("alwaysApprove answers no question that another process asked, and what answers this one call does", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const agentOf = (model: Model) =>
      govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const saved = (await runner.run(agentOf(calling(["refund", { amount: 1 }])), "go")).state.toString();
    const goOn = async (options?: { readonly alwaysApprove: true }) => {
      const agent = agentOf(calling());
      const state = await RunState.fromString(agent, saved);
      state.approve(state.getInterruptions()[0]!, options);
      return runner.run(agent, state);
    };
    // The state would say the same of a call that nobody has seen.
    const result = await goOn({ alwaysApprove: true });
    expect([seen, JSON.stringify(result.history).includes("Error: ")]).toStrictEqual([[], true]);
    expect((await plane.approvals.list()).map(({ status }) => status)).toStrictEqual(["pending"]);
    await goOn();
    expect(seen).toStrictEqual([{ amount: 1 }]);
    await plane.close();
  });

  test("alwaysApprove lets no later call run that is blocked", async () => {
    const dear = { input: { amount: { gt: 9 } } };
    const plane = planeOf({
      policies: [
        ASK,
        { id: "dear", selector: { tools: ["refund"] }, blocking: [rule.condition({ where: dear })] },
      ],
    });
    const seen: unknown[] = [];
    const model = calling(["refund", { amount: 1 }], ["refund", { amount: 10 }]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!, { alwaysApprove: true });
    const result = await runner.run(agent, paused.state);
    expect([seen, result.finalOutput]).toStrictEqual([[{ amount: 1 }], "done"]);
    await plane.close();
  });

  test("a kill between the question and the answer wins", async () => {
    const plane = planeOf({ policies: [ASK] });
    const seen: unknown[] = [];
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "writer", model: calling(["refund", {}]), tools: [refundTool(seen)] }),
    );
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!);
    await plane.controls.unplug({ kind: "tool", id: "refund" }, STOP);
    await runner.run(agent, paused.state);
    expect(seen).toHaveLength(0);
    await plane.close();
  });

  test("a blocked call asks nobody, also where the tool itself wants an approval", async () => {
    const plane = planeOf({ policies: [{ id: "no", blocking: [rule.denylist({ tools: ["refund"] })] }] });
    const careful = { ...refundTool([]), needsApproval: async () => true };
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "writer", model: calling(["refund", {}]), tools: [careful] }),
    );
    const result = await runner.run(agent, "go");
    expect(result.interruptions).toHaveLength(0);
    expect(JSON.stringify(result.history)).toContain("Error: ");
    await plane.close();
  });

  test.each(["none", "external"] as const)(
    "of the tool's own is asked for as often as without a plane (resolver: %s)",
    async (resolver) => {
      const plane = resolver === "none" ? createAgentPlane() : planeOf();
      const made = (asked: unknown[]) => {
        const needsApproval = async (_context: unknown, input: unknown) => asked.push(input) > 0;
        return new Agent({
          name: "writer",
          model: calling(["refund", { amount: 5 }]),
          tools: [{ ...refundTool([]), needsApproval }],
        });
      };
      const [bare, governed] = [[], []] as unknown[][];
      const plain = await new Runner().run(made(bare!), "go");
      const paused = await runner.run(govern(plane, IDENTITY, made(governed!)), "go");
      expect(paused.interruptions).toHaveLength(plain.interruptions.length);
      expect(governed).toStrictEqual(bare);
      await plane.close();
    },
  );
});
