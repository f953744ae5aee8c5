import { rule, type Policy } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import { Command } from "@langchain/langgraph";
import { createMiddleware, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const NO_MODEL: Policy = {
  id: "no-model",
  blocking: [rule.condition({ where: { model: "*" }, reason: "no model today" })],
};

/** Answers each model call by a Command, and never asks the model. */
const commanding = (): AnyAgentMiddleware =>
  createMiddleware({
    name: "commanding",
    wrapModelCall: () =>
      new Command({
        update: { messages: [new AIMessage({ id: "own", content: "Write to bob@example.com." })] },
      }),
  });

const passing = createMiddleware({
  name: "passing",
  wrapModelCall: (request, handler) => handler(request),
});

async function answered(policies: readonly Policy[], middleware: readonly AnyAgentMiddleware[]) {
  const model = new ScriptedChatModel();
  const { run, decisions } = governedAgent({ plane: planeOf(policies), model, middleware });
  const { messages } = await run();
  return { texts: messages.map(({ text }) => text), decisions, asked: model.prompts.length };
}

describe("a Command by which other middleware answers a model call itself", () => {
  it("is judged as an answer is", async () => {
    const { texts, decisions, asked } = await answered([REDACT], [commanding()]);
    expect(texts).toEqual(["go", "Write to [EMAIL]."]);
    expect(decisions.map(({ decision }) => decision.hookpoint)).toContain("before_model_call");
    expect(asked).toBe(0);
  });

  it("is withheld where the call is blocked", async () => {
    const { texts } = await answered([NO_MODEL], [commanding()]);
    expect(texts).toEqual(["go", expect.stringContaining("no model today")]);
  });

  it.each(["before_model_call", "after_model_call", "after_agent"] as const)(
    "is withheld at %s, also behind a wrapper that passes it on",
    async (hookpoint) => {
      const policy: Policy = {
        id: "no",
        blocking: [rule.condition({ where: { hookpoint }, reason: "not this" })],
      };
      const { texts } = await answered([policy], [passing, commanding()]);
      expect(texts).toEqual(["go", expect.stringContaining("not this")]);
    },
  );

  it("is judged also behind a wrapper that passes it on", async () => {
    // LangChain itself notes such a Command twice, and the first of them for good: a message of one id is written once.
    const { texts } = await answered([REDACT], [passing, commanding()]);
    expect(texts).toEqual(["go", "Write to [EMAIL]."]);
  });

  it.each([
    ["an answer", () => new AIMessage({ id: "other", content: "Nothing." })],
    [
      "another Command",
      () => new Command({ update: { messages: [new AIMessage({ id: "other", content: "Nothing." })] } }),
    ],
  ])("is judged also behind a wrapper that puts %s in its place", async (_, instead) => {
    const replacing = createMiddleware({
      name: "replacing",
      async wrapModelCall(request, handler) {
        await handler(request);
        return instead();
      },
    });
    // LangChain carries both out.
    const free = await answered([], [replacing, commanding()]);
    expect(free.texts.toSorted()).toEqual(["Nothing.", "Write to bob@example.com.", "go"]);
    const redacted = await answered([REDACT], [replacing, commanding()]);
    expect(redacted.texts.toSorted()).toEqual(["Nothing.", "Write to [EMAIL].", "go"]);
    const { texts } = await answered([NO_MODEL], [replacing, commanding()]);
    expect(texts).toEqual(["go", expect.stringContaining("no model today")]);
  });
});

it.each([
  ["", (command: AnyAgentMiddleware) => [command]],
  [" behind a wrapper", (command: AnyAgentMiddleware) => [passing, command]],
] as const)(
  "a Command by which a wrapper adds words to an answer%s is judged as an answer is",
  async (_, of) => {
    const adding = createMiddleware({
      name: "adding",
      async wrapModelCall(request, handler) {
        await handler(request);
        return new Command({
          update: { messages: [new AIMessage({ id: "more", content: "Tell bob@example.com." })] },
        });
      },
    });
    const free = await answered([], of(adding));
    expect(free.texts).toContain("Tell bob@example.com.");
    const redacted = await answered([REDACT], of(adding));
    expect(redacted.texts.toSorted()).toEqual(["Tell [EMAIL].", "done", "go"]);
  },
);

describe("an answer that a wrapper puts in the place of the model's", () => {
  const rewriting = createMiddleware({
    name: "rewriting",
    async wrapModelCall(request, handler) {
      await handler(request);
      return new AIMessage({ id: "other", content: "Tell bob@example.com." });
    },
  });

  it("is judged as an answer is", async () => {
    const free = await answered([], [rewriting]);
    expect(free.texts).toContain("Tell bob@example.com.");
    expect((await answered([REDACT], [rewriting])).texts).toEqual(["go", "Tell [EMAIL]."]);
  });

  it("is judged where the run ends, too, and ends in no state", async () => {
    const SECRET: Policy = {
      id: "secret",
      selector: { hookpoints: ["after_agent"] },
      blocking: [rule.condition({ where: { hookpoint: "after_agent" }, reason: "names a person" })],
    };
    const { texts } = await answered([SECRET], [rewriting]);
    expect(texts).toEqual(["go", expect.stringContaining("names a person")]);
  });
});
