import { rule } from "@agentplane/core";
import {
  Agent,
  RunContext,
  shellTool,
  ToolGuardrailFunctionOutputFactory,
  type ToolInputGuardrailDefinition,
} from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { answer, calling, IDENTITY, planeOf, refundTool, runner, STOP } from "./agent-script.ts";

// Why a refusal is what the tool gives, and not the verdict of a tool guardrail: docs/adr/0018.

type Verdict = "allow" | "reject";

/** A guardrail of the SDK that notes that it was asked. */
function guardrail(asked: string[], verdict: Verdict): ToolInputGuardrailDefinition {
  return {
    type: "tool_input",
    name: "own",
    async run() {
      asked.push(verdict);
      return verdict === "allow"
        ? ToolGuardrailFunctionOutputFactory.allow()
        : ToolGuardrailFunctionOutputFactory.rejectContent("not today");
    },
  };
}

const ONE = { id: "one", blocking: [rule.rate({ limit: 1, window: "1h", per: "tenant" })] };
const AT_TOOLS = { ...ONE, selector: { tools: ["refund"] } };
const NO_REFUND = { id: "no", blocking: [rule.denylist({ tools: ["refund"] })] };

describe("a call of a tool", () => {
  test("is stopped by a kill that comes after every guardrail has let it pass", async () => {
    const plane = planeOf();
    const [ran, asked]: [unknown[], string[]] = [[], []];
    const tools = [{ ...refundTool(ran), inputGuardrails: [guardrail(asked, "allow")] }];
    const agent = new Agent({ name: "writer", model: calling(["refund", {}]), tools });
    // The SDK tells it between the last guardrail and the call.
    agent.on("agent_tool_start", () => void plane.controls.unplug({ kind: "tool", id: "refund" }, STOP));
    const result = await runner.run(govern(plane, IDENTITY, agent), "go");
    expect([asked, ran]).toStrictEqual([["allow"], []]);
    expect(JSON.stringify(result.history)).toContain("stopped by an operator");
    await plane.close();
  });

  test("takes nothing of a limit where a guardrail of the application rejects it", async () => {
    const plane = planeOf({ policies: [AT_TOOLS] });
    const [ran, asked]: [unknown[], string[]] = [[], []];
    const verdicts: Verdict[] = ["reject", "allow"];
    for (const verdict of verdicts) {
      const tools = [{ ...refundTool(ran), inputGuardrails: [guardrail(asked, verdict)] }];
      const agent = new Agent({ name: "writer", model: calling(["refund", { verdict }]), tools });
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await runner.run(govern(plane, IDENTITY, agent), "go");
    }
    expect([asked, ran]).toStrictEqual([verdicts, [{ verdict: "allow" }]]);
    await plane.close();
  });

  test("is decided where code runs the tool by itself, which asks no guardrail", async () => {
    const plane = planeOf({ policies: [NO_REFUND] });
    const [ran, asked]: [unknown[], string[]] = [[], []];
    const tools = [{ ...refundTool(ran), inputGuardrails: [guardrail(asked, "reject")] }];
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model: calling(), tools }));
    const context = new RunContext();
    const [tool] = await agent.getAllTools(context);
    const given = tool?.type === "function" ? await tool.invoke(context, "{}") : undefined;
    expect([asked, ran]).toStrictEqual([[], []]);
    expect(given).toContain("must not be used");
    await plane.close();
  });

  test("of a shell is decided, for which the SDK asks no guardrail", async () => {
    const plane = planeOf({ policies: [{ id: "no", blocking: [rule.denylist({ tools: ["shell"] })] }] });
    const [ran, asked]: [unknown[], string[]] = [[], []];
    const run = async (action: unknown) => (ran.push(action), { output: [] });
    const tools = [{ ...shellTool({ shell: { run } }), inputGuardrails: [guardrail(asked, "reject")] }];
    const call = {
      type: "shell_call" as const,
      callId: "c1",
      status: "completed" as const,
      action: { commands: ["rm -rf /"] },
    };
    const done = answer({ output: [assistantMessage("done")] });
    const model = new ScriptedModel([answer({ output: [call] }), done]);
    const result = await runner.run(govern(plane, IDENTITY, new Agent({ name: "ops", model, tools })), "go");
    expect([asked, ran]).toStrictEqual([[], []]);
    expect(JSON.stringify(result.history)).toContain("must not be used");
    await plane.close();
  });
});
