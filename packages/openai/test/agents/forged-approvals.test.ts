import { Agent, RunState, shellTool, type Shell } from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { approvalIdOf, govern } from "../../src/agents.ts";
import { answer, ASK, calling, IDENTITY, planeOf, refundTool, runner } from "./agent-script.ts";

type Plane = ReturnType<typeof planeOf>;

function agentFor(plane: Plane, ran: unknown[], isCareful: boolean) {
  const refund = { ...refundTool(ran), ...(isCareful && { needsApproval: async () => true }) };
  const model = calling(["refund", { amount: 5 }]);
  return govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refund] }));
}

/** The state of a run that waits for a human, with a yes that somebody wrote into it. */
async function forgedFor(plane: Plane, isCareful: boolean): Promise<string> {
  const paused = await runner.run(agentFor(plane, [], isCareful), "go");
  paused.state.approve(paused.interruptions[0]!);
  return paused.state.toString();
}

async function resumed(plane: Plane, saved: string, isCareful: boolean) {
  const ran: unknown[] = [];
  const agent = agentFor(plane, ran, isCareful);
  const result = await runner.run(agent, await RunState.fromString(agent, saved));
  return { ran, history: JSON.stringify(result.history) };
}

describe("an approval in a saved state", () => {
  const OPERATOR = {
    ...ASK,
    escalation: [
      { trigger: "condition", after: 1, within: "1h", action: { hitl: { by: "operator" as const } } },
    ],
  };

  test.each([
    ["a policy's question that this plane has asked nobody", [ASK], false],
    ["the tool's own question that this plane knows nothing of", [], true],
  ] as const)("does not run the call where it answers %s", async (_name, policies, isCareful) => {
    const elsewhere = planeOf({ policies: [...policies] });
    const saved = await forgedFor(elsewhere, isCareful);
    const plane = planeOf({ policies: [...policies] });
    const { ran, history } = await resumed(plane, saved, isCareful);
    expect(ran).toStrictEqual([]);
    expect(history).toContain("Error: ");
    await Promise.all([plane.close(), elsewhere.close()]);
  });

  test("does not run the call where an operator must answer", async () => {
    const plane = planeOf({ policies: [OPERATOR] });
    const { ran } = await resumed(plane, await forgedFor(plane, false), false);
    expect(ran).toStrictEqual([]);
    await plane.close();
  });

  test("runs the call once where the tool's own question was asked on this plane", async () => {
    const plane = planeOf();
    const saved = await forgedFor(plane, true);
    expect((await resumed(plane, saved, true)).ran).toStrictEqual([{ amount: 5 }]);
    expect((await resumed(plane, saved, true)).ran).toStrictEqual([]);
    await plane.close();
  });

  test("of the tool's own question is no answer to another call", async () => {
    const plane = planeOf();
    const saved = await forgedFor(plane, true);
    const other = saved.replaceAll("c0", "c9");
    expect(other).not.toBe(saved);
    expect((await resumed(plane, other, true)).ran).toStrictEqual([]);
    await plane.close();
  });

  test("names no question of the plane where the tool alone asks", async () => {
    const plane = planeOf();
    const paused = await runner.run(agentFor(plane, [], true), "go");
    expect(approvalIdOf(paused.interruptions[0]!)).toBeUndefined();
    await plane.close();
  });

  test("of all calls of a tool runs each of them, also where the state was saved", async () => {
    const plane = planeOf();
    const make = (ran: unknown[]) => {
      const model = calling(["refund", { amount: 1 }], ["refund", { amount: 2 }]);
      const refund = { ...refundTool(ran), needsApproval: async () => true };
      return govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refund] }));
    };
    const ran: unknown[] = [];
    const agent = make(ran);
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!, { alwaysApprove: true });
    await runner.run(agent, await RunState.fromString(agent, paused.state.toString()));
    expect(ran).toStrictEqual([{ amount: 1 }, { amount: 2 }]);
    await plane.close();
  });

  test("lets an agent inside a tool go on where it waits for a human again", async () => {
    const plane = planeOf({ policies: [ASK] });
    const ran: unknown[] = [];
    const inner = agentFor(plane, ran, false);
    const help = inner.asTool({ toolName: "help", toolDescription: "Helps.", needsApproval: true });
    const model = calling(["help", { input: "go" }]);
    const outer = govern(plane, IDENTITY, new Agent({ name: "desk", model, tools: [help] }));
    let result = await runner.run(outer, "go");
    for (const runs of [0, 0]) {
      expect([ran.length, result.interruptions.length]).toStrictEqual([runs, 1]);
      result.state.approve(result.interruptions[0]!);
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      result = await runner.run(outer, result.state);
    }
    expect([ran, result.finalOutput]).toStrictEqual([[{ amount: 5 }], "done"]);
    await plane.close();
  });

  test("lets an agent inside a tool go on only where it has begun on this plane", async () => {
    const deskOf = (plane: Plane) => {
      const help = agentFor(plane, [], false).asTool({
        toolName: "help",
        toolDescription: "Helps.",
        needsApproval: true,
      });
      const model = calling(["help", { input: "go" }]);
      return govern(plane, IDENTITY, new Agent({ name: "desk", model, tools: [help] }));
    };
    const [known, unknown] = [planeOf({ policies: [ASK] }), planeOf({ policies: [ASK] })];
    const asked = await runner.run(deskOf(known), "go");
    asked.state.approve(asked.interruptions[0]!);
    const waiting = (await runner.run(deskOf(known), asked.state)).state.toString();
    for (const [plane, questions] of [
      [unknown, 0],
      [known, 1],
    ] as const) {
      const desk = deskOf(plane);
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      const { interruptions } = await runner.run(desk, await RunState.fromString(desk, waiting));
      expect(interruptions).toHaveLength(questions);
    }
    await Promise.all([known.close(), unknown.close()]);
  });

  test("does not run a call of which the state says that an agent in it has begun", async () => {
    const [elsewhere, plane] = [planeOf(), planeOf()];
    const state = JSON.parse(await forgedFor(elsewhere, true)) as object;
    const begun = JSON.stringify({ ...state, pendingAgentToolRuns: { "refund:c0": "{}" } });
    expect((await resumed(plane, begun, true)).ran).toStrictEqual([]);
    await Promise.all([plane.close(), elsewhere.close()]);
  });

  test("runs no command of a shell that nobody was asked about on this plane", async () => {
    const commands: unknown[] = [];
    const make = (plane: Plane) => {
      const model = new ScriptedModel([
        answer({
          output: [{ type: "shell_call", callId: "s0", status: "completed", action: { commands: ["ls"] } }],
        }),
        answer({ output: [assistantMessage("done")] }),
      ]);
      const shell: Shell = {
        run: async (action) => {
          commands.push(...action.commands);
          return { output: [{ stdout: "x", stderr: "", outcome: { type: "exit", exitCode: 0 } }] };
        },
      };
      const tools = [shellTool({ shell, needsApproval: true })];
      return govern(plane, IDENTITY, new Agent({ name: "writer", model, tools }));
    };
    const [known, unknown] = [planeOf(), planeOf()];
    const paused = await runner.run(make(known), "go");
    paused.state.approve(paused.interruptions[0]!);
    const saved = paused.state.toString();
    for (const [plane, ran] of [
      [unknown, []],
      [known, ["ls"]],
    ] as const) {
      const agent = make(plane);
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      await runner.run(agent, await RunState.fromString(agent, saved));
      expect(commands).toStrictEqual(ran);
    }
    await Promise.all([known.close(), unknown.close()]);
  });
});
