/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type Policy } from "@agentplane/core";
import {
  modelFallbackMiddleware,
  modelRetryMiddleware,
  toolRetryMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import { expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const asking = (where: { tool: string } | { model: string }): Policy => ({
  id: "ask",
  blocking: [rule.condition({ where, then: "escalate" })],
});
const external = { approvals: { resolver: "external" } } as const;
const AT_ONCE = { maxRetries: 2, initialDelayMs: 0, jitter: false };

it("a call that needs a human pauses its run, also where failures of tools are tried again", async () => {
  const pay = countingTool("pay");
  const plane = planeOf([asking({ tool: "pay" })], external);
  const { run, resume } = governedAgent({
    plane,
    model: new ScriptedChatModel({ calls: [{ id: "c1", name: "pay" }] }),
    tools: [pay.tool],
    hasCheckpointer: true,
    // Its type was made without exactOptionalPropertyTypes.
    middleware: [toolRetryMiddleware(AT_ONCE) as AnyAgentMiddleware],
  });
  const { waiting } = await run();
  expect([waiting.length, pay.runs.length]).toEqual([1, 0]);
  expect(await plane.approvals.list()).toHaveLength(1);
  const { last } = await resume({ approvalId: waiting[0]?.approvalId, decision: "approve", by: "mira" });
  expect([pay.runs.length, last.text]).toEqual([1, "done"]);
});

it.each([
  ["tried again", () => modelRetryMiddleware(AT_ONCE)],
  ["tried elsewhere", () => modelFallbackMiddleware(new ScriptedChatModel({ text: "elsewhere" }))],
])("a model call that needs a human pauses its run, also where a failure is %s", async (_, middleware) => {
  const plane = planeOf([asking({ model: "*" })], external);
  const model = new ScriptedChatModel({ text: "hello" });
  const { run, resume } = governedAgent({
    plane,
    model,
    hasCheckpointer: true,
    middleware: [middleware() as AnyAgentMiddleware],
  });
  const { waiting } = await run();
  expect([waiting.length, model.prompts.length]).toEqual([1, 0]);
  const { last } = await resume({ approvalId: waiting[0]?.approvalId, decision: "approve", by: "mira" });
  expect([last.text, model.prompts.length]).toEqual(["hello", 1]);
});
