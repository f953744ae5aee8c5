import { createAnthropic } from "@ai-sdk/anthropic";
import { experimental_toolCaller, generateText, stepCountIs, type ToolSet } from "ai";
import { describe, expect, it } from "vitest";

import { govern, guardApproval, guardTools } from "../src/index.ts";
import { answered, asked, call, PAY } from "./approval-chat.ts";
import { asking, askingPlane, countingTool, decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

/** Runs a tool as other code would. */
async function run(tools: ToolSet, name: string): Promise<unknown> {
  const options = { toolCallId: "c", messages: [], context: {} };
  return tools[name]?.execute?.({}, options);
}

describe("a tool that was guarded before", () => {
  it("is decided by the server that is named later too", async () => {
    const { tool, runs } = countingTool();
    const plane = planeOf([denying("github/drop")]);
    const once = guardTools(plane, WHO, { drop: tool });
    await expect(run(guardTools(plane, WHO, once, { server: "github" }), "drop")).rejects.toThrow();
    expect(runs).toEqual([]);
  });

  it("is refused by its server's name before it is called", async () => {
    const { tool, runs } = countingTool();
    const plane = planeOf([denying("github/drop")]);
    const tools = guardTools(plane, WHO, { drop: tool }, { server: "github" });
    const model = new ScriptedModel([{ calls: [{ name: "drop" }] }]);
    const { steps } = await generateText({
      ...govern(plane, WHO, { model, tools, prompt: "go" }),
      stopWhen: stepCountIs(2),
    });
    const types = steps[0]?.content.map(({ type }) => type);
    expect(types).toContain("tool-approval-response");
    expect(types).not.toContain("tool-error");
    expect(runs).toEqual([]);
  });

  it("is decided by its new name and its old one", async () => {
    const { tool, runs } = countingTool();
    for (const denied of ["drop", "fine"]) {
      const plane = planeOf([denying(denied)]);
      const { drop } = guardTools(plane, WHO, { drop: tool });
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      await expect(run(guardTools(plane, WHO, { fine: drop }), "fine")).rejects.toThrow();
    }
    expect(runs).toEqual([]);
  });

  it("is decided once, for whom the last call is made", async () => {
    const plane = planeOf([], { identity: { trust: ["framework"] } });
    const decisions = decisionsOf(plane);
    let tools: ToolSet = { look: countingTool().tool };
    for (const tenant of ["one", "two"])
      tools = guardTools(plane, WHO, tools, { providerOptions: { agentplane: { tenant } } });
    await run(tools, "look");
    expect(decisions.map(({ identity }) => identity.tenant)).toEqual(["two"]);
  });
});

it("takes the last approver's yes, not one of those who were named before", async () => {
  const pay = countingTool();
  const plane = askingPlane([asking("pay")]);
  const tools = { pay: pay.tool };
  const toolApproval = guardApproval(plane, { ...WHO, approver: "first" });
  const chat = { plane, tools, identity: { ...WHO, approver: "last" }, more: { toolApproval } };
  await call(chat, answered(await asked(chat)));
  expect(pay.runs).toEqual([PAY.input]);
  const [approval] = await plane.approvals.list({ status: "consumed" });
  expect(JSON.stringify(approval)).toContain("last");
  expect(JSON.stringify(approval)).not.toContain("first");
});

it("decides a tool of the provider's kind that runs here by the provider's name, also when it is invented", async () => {
  const runs: unknown[] = [];
  const bash = createAnthropic({ apiKey: "none" }).tools.bash_20250124({
    execute: async (input) => {
      runs.push(input);
      return "done";
    },
  });
  const model = new ScriptedModel([{ calls: [{ name: "shell", input: { command: "ls" } }] }]);
  await generateText({
    ...govern(planeOf([denying("anthropic.bash_20250124")]), WHO, {
      model,
      tools: { shell: bash },
      prompt: "go",
    }),
    stopWhen: stepCountIs(2),
  });
  expect(model.offered[0]).toEqual([]);
  expect(runs).toEqual([]);
});

it("decides what a tool that calls others becomes, and those that it calls", async () => {
  const read = countingTool();
  const code = experimental_toolCaller(countingTool().tool, {
    type: "local",
    bind: (tools) => countingTool(async () => run(tools, "read")).tool,
  });
  const plane = planeOf();
  const decisions = decisionsOf(plane);
  const model = new ScriptedModel([{ calls: [{ name: "code" }] }]);
  const { steps } = await generateText({
    ...govern(plane, WHO, { model, tools: { code, read: read.tool }, prompt: "go" }),
    // The types know only of direct calls where the callers' names are not literals of the tools.
    experimental_toolCallers: { read: ["code"] } as never,
    stopWhen: stepCountIs(2),
  });
  expect(JSON.stringify(steps[0]?.content)).toContain('"output":"ok"');
  expect(read.runs).toHaveLength(1);
  expect(decisions.flatMap(({ tool }) => tool ?? [])).toEqual(["code", "read"]);
});
