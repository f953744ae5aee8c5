import { rule, type Policy } from "@agentplane/core";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { Command } from "@langchain/langgraph";
import { createMiddleware, modelRetryMiddleware, type AgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

type WrapModelCall = NonNullable<AgentMiddleware["wrapModelCall"]>;

const SECRET = "bob@example.com";
/** Looks at answers of models alone, and at no prompt. */
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["response"] })] };
const WITHHOLD: Policy = {
  id: "w",
  selector: { hookpoints: ["after_model_call"] },
  blocking: [rule.piiBlock({})],
};
const LOOK = { id: "c1", name: "look", args: {}, type: "tool_call" } as const;

const passing = createMiddleware({ name: "passing", wrapModelCall: (request, handler) => handler(request) });
const isFirst = (messages: readonly unknown[]): boolean =>
  !messages.some((one) => ToolMessage.isInstance(one));

/** What a wrapper of model calls makes of the model's answer, beside which the tool is called. */
const CHANGES: Readonly<Record<string, WrapModelCall>> = {
  "another message": async (request, handler) => {
    const { id } = await handler(request);
    return new AIMessage({ ...(id !== undefined && { id }), content: `ask ${SECRET}`, tool_calls: [LOOK] });
  },
  "the same message with another text": async (request, handler) =>
    Object.assign(await handler(request), { content: `ask ${SECRET}` }),
  "the same message with reasoning": async (request, handler) => {
    const answer = await handler(request);
    answer.additional_kwargs["reasoning_content"] = `ask ${SECRET}`;
    return answer;
  },
  "the same message with other arguments": async (request, handler) =>
    Object.assign(await handler(request), { tool_calls: [{ ...LOOK, args: { to: SECRET } }] }),
  "a Command that writes it": async (request, handler) => {
    const { id } = await handler(request);
    const answer = new AIMessage({
      ...(id !== undefined && { id }),
      content: `ask ${SECRET}`,
      tool_calls: [LOOK],
    });
    return new Command({ update: { messages: [answer] } });
  },
};

function agentOf(policies: readonly Policy[], wrap: WrapModelCall, around: readonly AgentMiddleware[] = []) {
  const look = countingTool("look");
  const model = new ScriptedChatModel({ text: "I look. ", calls: [LOOK] }, { text: "done" });
  const changing = createMiddleware({
    name: "changing",
    wrapModelCall: (request, handler) =>
      isFirst(request.messages) ? wrap(request, handler) : handler(request),
  });
  const middleware = [...around, changing];
  return {
    ...governedAgent({ plane: planeOf(policies), model, tools: [look.tool], middleware }),
    model,
    look,
  };
}

describe.each(Object.entries(CHANGES))("an answer of which a wrapper makes %s", (_, wrap) => {
  it.each([
    ["", []],
    [", behind another wrapper", [passing]],
  ])("is redacted before it leaves the run, on every surface%s", async (__, around) => {
    const { agent, model, look, decisions } = agentOf([REDACT], wrap, around);
    const seen: unknown[] = [];
    const stream = await agent.stream(
      { messages: [{ role: "user", content: "go" }] },
      { streamMode: ["messages", "updates", "values", "tasks"], configurable: { thread_id: "t" } },
    );
    for await (const part of stream) seen.push(part);
    expect(look.runs).toHaveLength(1);
    expect(JSON.stringify(model.prompts)).not.toContain(SECRET);
    expect(JSON.stringify(seen)).not.toContain(SECRET);
    const before = decisions.filter(({ decision }) => decision.hookpoint === "before_model_call");
    expect(before).toHaveLength(model.prompts.length);
  });

  it("is withheld, and no tool runs", async () => {
    const { run, look } = agentOf([WITHHOLD], wrap);
    const { last, messages } = await run();
    expect(JSON.stringify(messages)).not.toContain(SECRET);
    expect(last.text).toContain("The model's answer is withheld");
    expect(look.runs).toEqual([]);
  });

  it("stays what it is where nothing forbids that", async () => {
    const { run, look } = agentOf([], wrap);
    expect(JSON.stringify((await run()).messages)).toContain(SECRET);
    expect(look.runs).toHaveLength(1);
  });
});

it("the words that a retry puts in the place of the model's failure are judged", async () => {
  const error = new Error(`no ${SECRET}`);
  const model = new ScriptedChatModel({ error }, { error });
  const retry = modelRetryMiddleware({
    maxRetries: 1,
    initialDelayMs: 0,
    onFailure: () => `It failed, tell ${SECRET}`,
  });
  const { run } = governedAgent({ plane: planeOf([REDACT]), model, middleware: [retry] as never });
  expect((await run()).last.text).toBe("It failed, tell [EMAIL]");
});

it("an answer that a wrapper hands on is judged once", async () => {
  const { run, decisions } = agentOf([REDACT], (request, handler) => handler(request));
  await run();
  expect(decisions.map(({ decision }) => decision.hookpoint)).toStrictEqual([
    "before_model_call",
    "before_tool_call",
    "before_model_call",
  ]);
});
