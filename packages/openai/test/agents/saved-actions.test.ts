import { rule, type PlaneOptions } from "@agentplane/core";
import {
  Agent,
  applyPatchTool,
  computerTool,
  RunState,
  shellTool,
  type AgentOutputItem,
  type Tool,
} from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { approvalIdOf, govern } from "../../src/agents.ts";
import { answer, IDENTITY, planeOf, runner, STOP } from "./agent-script.ts";

const CALL = { callId: "c1", status: "completed" as const };
const click = (x: number) => ({ type: "click" as const, x, y: 2, button: "left" as const });

/** A tool that notes what ran, and a call of it. */
interface Kind {
  readonly name: string;
  readonly call: AgentOutputItem;
  toolOf(ran: unknown[]): Tool;
  /** What runs, as it is noted. */
  readonly expected: readonly unknown[];
}

const COMMANDS = { commands: ["ls"] };
const REMOVAL = { type: "delete_file" as const, path: "a.txt" };

function computerOf(ran: unknown[]) {
  const act =
    (name: string) =>
    async (...args: readonly unknown[]): Promise<void> =>
      void ran.push([name, ...args.slice(0, -1)]);
  return {
    environment: "browser" as const,
    dimensions: [1, 1] as [number, number],
    screenshot: async () => (ran.push("screenshot"), "cGlj"),
    click: act("click"),
    doubleClick: act("doubleClick"),
    scroll: act("scroll"),
    type: act("type"),
    wait: act("wait"),
    move: act("move"),
    keypress: act("keypress"),
    drag: act("drag"),
  };
}

const KINDS: readonly Kind[] = [
  {
    name: "shell",
    call: { type: "shell_call", ...CALL, action: COMMANDS },
    toolOf: (ran) =>
      shellTool({
        shell: {
          async run(action) {
            ran.push(action);
            return { output: [{ stdout: "ok", stderr: "", outcome: { type: "exit", exitCode: 0 } }] };
          },
        },
      }),
    expected: [COMMANDS],
  },
  {
    name: "apply_patch",
    call: { type: "apply_patch_call", ...CALL, operation: REMOVAL },
    toolOf(ran) {
      const edit = async (operation: unknown) => (ran.push(operation), { status: "completed" as const });
      return applyPatchTool({ editor: { createFile: edit, updateFile: edit, deleteFile: edit } });
    },
    expected: [REMOVAL],
  },
  {
    name: "computer_use_preview",
    call: { type: "computer_call", ...CALL, action: click(1), actions: [click(1), click(1), click(3)] },
    toolOf: (ran) => computerTool({ computer: computerOf(ran) }),
    expected: [["click", 1, 2, "left"], ["click", 1, 2, "left"], ["click", 3, 2, "left"], "screenshot"],
  },
];

function setUp(kind: Kind, options: PlaneOptions) {
  const plane = planeOf(options);
  const ran: unknown[] = [];
  const agentOf = (...turns: readonly AgentOutputItem[]) => {
    const outputs = [...turns, assistantMessage("done")];
    const model = new ScriptedModel(outputs.map((output) => answer({ output: [output] })));
    return govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [kind.toolOf(ran)] }));
  };
  return { plane, ran, agentOf };
}

function asking(tool: string): PlaneOptions {
  const blocking = [rule.condition({ where: { tool }, then: "escalate" as const })];
  const action = { hitl: { timeout: "5m" } };
  const escalation = [{ trigger: "condition", after: 1, within: "1h", action }];
  return { policies: [{ id: "ask", selector: { tools: [tool] }, blocking, escalation }] };
}

describe.each(KINDS)("a call of $name that needs a human", (kind) => {
  test("runs as soon as it is approved, in the same process", async () => {
    const { plane, ran, agentOf } = setUp(kind, asking(kind.name));
    const agent = agentOf(kind.call);
    const paused = await runner.run(agent, "go");
    expect(ran).toStrictEqual([]);
    const [item] = paused.interruptions;
    expect(plane.approvals.get(approvalIdOf(item!) ?? "")).toMatchObject({ status: "pending" });
    paused.state.approve(item!);
    await runner.run(agent, paused.state);
    expect(ran).toStrictEqual(kind.expected);
    await plane.close();
  });

  test("runs once from a saved state, in another process, however often it is resumed", async () => {
    const { plane, ran, agentOf } = setUp(kind, asking(kind.name));
    const paused = await runner.run(agentOf(kind.call), "go");
    paused.state.approve(paused.interruptions[0]!);
    const saved = paused.state.toString();
    for (let time = 0; time < 2; time++) {
      const anew = agentOf();
      // oxlint-disable-next-line no-await-in-loop -- one resume after the other is what is tested
      await runner.run(anew, await RunState.fromString(anew, saved));
      expect(ran).toStrictEqual(kind.expected);
    }
    await plane.close();
  });

  test("does not run when it is killed between the question and the answer", async () => {
    const { plane, ran, agentOf } = setUp(kind, asking(kind.name));
    const agent = agentOf(kind.call);
    const paused = await runner.run(agent, "go");
    paused.state.approve(paused.interruptions[0]!);
    await plane.controls.unplug({ kind: "tool", id: kind.name }, STOP);
    await runner.run(agent, paused.state);
    expect(ran).toStrictEqual([]);
    await plane.close();
  });
});

describe("a computer", () => {
  const [, , kind] = KINDS;

  test("types what rules left of a text", async () => {
    const { plane, ran, agentOf } = setUp(kind!, {
      policies: [{ id: "r", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] }],
    });
    const call: AgentOutputItem = {
      type: "computer_call",
      ...CALL,
      action: { type: "type", text: "mira@example.com" },
    };
    await runner.run(agentOf(call), "go");
    expect(ran).toStrictEqual([["type", "[EMAIL]"], "screenshot"]);
    await plane.close();
  });

  test("shows no picture once it was stopped", async () => {
    const { plane, ran, agentOf } = setUp(kind!, {});
    const agent = agentOf(kind!.call);
    plane.on("decision", () => {
      if (ran.length === 2) void plane.controls.unplug({ kind: "tool", id: kind!.name }, STOP);
    });
    await runner.run(agent, "go");
    expect(ran).not.toContain("screenshot");
    await plane.close();
  });
});
