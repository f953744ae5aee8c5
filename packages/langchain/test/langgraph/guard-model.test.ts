import { PolicyBlocked, rule, type AgentPlane, type Policy } from "@agentplane/core";
import { InMemoryCache } from "@langchain/core/caches";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, AIMessageChunk, HumanMessage, type BaseMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import { ChatPromptValue } from "@langchain/core/prompt_values";
import { RunnableLambda } from "@langchain/core/runnables";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { initChatModel } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { guardModel } from "../../src/langgraph.ts";
import { planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

const NO_MODELS: Policy = { id: "none", blocking: [rule.condition({ where: { model: "*" } })] };
const NO_MAIL: Policy = { id: "pii", blocking: [rule.redact({ detect: ["email"] })] };
const identity = { agent: "a" };
const asked = [new HumanMessage("go")];

const extract = tool(() => "never", { name: "extract", schema: z.object({ name: z.string() }) });

/** Every way to a provider that a chat model offers. */
const WAYS: Readonly<Record<string, (model: BaseChatModel) => unknown>> = {
  invoke: (model) => model.invoke("go"),
  stream: async (model) => drained(await model.stream("go")),
  batch: (model) => model.batch(["go"]),
  generate: (model) => model.generate([asked]),
  generatePrompt: (model) => model.generatePrompt([new ChatPromptValue(asked)]),
  "_generate itself": (model) => model._generate(asked, {}),
  "_streamResponseChunks itself": (model) => drained(model._streamResponseChunks(asked, {})),
  "events v2": (model) => drained(model.streamEvents("go", { version: "v2" })),
  "events v3": async (model) => drained(model.streamEvents("go", { version: "v3" } as never) as never),
  streamLog: (model) => drained(model.streamLog("go")),
  transform: (model) => drained(model.transform(given("go"), {})),
  withConfig: (model) => model.withConfig({ tags: ["x"] }).invoke("go"),
  bindTools: (model) => model.bindTools?.([extract]).invoke("go"),
  "bindTools, streamed": async (model) =>
    drained((await model.bindTools?.([extract]).stream("go")) ?? given()),
  pipe: (model) => model.pipe(RunnableLambda.from((message: unknown) => message)).invoke("go"),
  withRetry: (model) => model.withRetry({ stopAfterAttempt: 1 }).invoke("go"),
  withFallbacks: (model) => model.withFallbacks([model]).invoke("go"),
  "as a fallback": (model) =>
    RunnableLambda.from<string, unknown>(broken)
      .withFallbacks([RunnableLambda.from<string, unknown>((text) => text).pipe(model)])
      .invoke("go"),
  withStructuredOutput: (model) => model.withStructuredOutput(z.object({ name: z.string() })).invoke("go"),
  asTool: (model) => model.asTool({ name: "ask", schema: z.string() }).invoke("go"),
};

function broken(): never {
  throw new Error("the first one fails");
}

async function* given(...values: readonly string[]): AsyncGenerator<never> {
  // The type of what goes in is the model's; a text is one of them.
  for (const value of values) yield value as never;
}

async function drained(values: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** A model that binds tools as most providers do: by a configuration of its own. */
class BindingModel extends ScriptedChatModel {
  readonly bound: unknown[] = [];

  override _generate(messages: BaseMessage[], options: object = {}): Promise<ChatResult> {
    this.bound.push("tools" in options ? options.tools : undefined);
    return super._generate(messages);
  }

  override bindTools(tools: readonly object[]): this {
    const bound: object = this.withConfig({ tools } as object);
    return bound as this;
  }
}

describe("a guarded model", () => {
  it.each(Object.keys(WAYS))("does not reach its provider by %s when it is blocked", async (way) => {
    const bare = new BindingModel({ text: "a secret" });
    const plane = planeOf([NO_MODELS]);
    let decisions = 0;
    plane.on("decision", () => void decisions++);
    const model = guardModel(plane, identity, bare, { onBlock: "throw" });
    await expect(Promise.resolve().then(() => WAYS[way]?.(model))).rejects.toThrow();
    expect(bare.prompts).toHaveLength(0);
    expect(decisions).toBeGreaterThan(0);
  });

  it.each(Object.keys(WAYS).filter((way) => !/structured/i.test(way)))(
    "shows nothing by %s that a policy redacts",
    async (way) => {
      const bare = new BindingModel({ text: "mail bob@example.com now" });
      const told: string[] = [];
      bare.callbacks = [
        {
          handleLLMNewToken: (token: string) => void told.push(token),
          handleLLMEnd: (output: unknown) => void told.push(JSON.stringify(output)),
        },
      ];
      const result = await WAYS[way]?.(guardModel(planeOf([NO_MAIL]), identity, bare));
      const seen = JSON.stringify([result, told]);
      expect(bare.prompts).toHaveLength(1);
      expect(seen).toMatch(/mail/);
      expect(seen).not.toMatch(/bob|example\.com/);
    },
  );

  it("answers with the reason and no tool calls, which ends an agent's loop", async () => {
    const bare = new ScriptedChatModel({ calls: [{ name: "wipe" }] });
    const model = guardModel(planeOf([NO_MODELS]), identity, bare);
    const answer = await model.invoke("go");
    expect(AIMessage.isInstance(answer)).toBe(true);
    expect(answer.tool_calls ?? []).toEqual([]);
    expect(answer.response_metadata).toMatchObject({ agentplane: { effect: "block" } });
    expect(await drained(await model.stream("go"))).toHaveLength(1);
    expect(bare.prompts).toHaveLength(0);
  });

  it("throws the plane's error where that is asked for", async () => {
    const model = guardModel(planeOf([NO_MODELS]), identity, new ScriptedChatModel(), { onBlock: "throw" });
    await expect(model.invoke("go")).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(model.stream("go").then(drained)).rejects.toBeInstanceOf(PolicyBlocked);
  });

  it("does not answer from a cache, which would be nobody's call", async () => {
    const bare = new ScriptedChatModel({ text: "old" }, { text: "new" });
    bare.cache = new InMemoryCache();
    await bare.invoke("go");
    const plane = planeOf();
    const model = guardModel(plane, identity, bare);
    expect((await model.invoke("go")).text).toBe("new");
    await stop(plane);
    expect((await model.invoke("go")).text).not.toMatch(/old|new/);
  });

  it("is not offered a tool that is hidden", async () => {
    const bare = new BindingModel({ text: "ok" });
    const plane = planeOf([{ id: "deny", blocking: [rule.denylist({ tools: ["wipe"] })] }]);
    const wipe = { type: "function", function: { name: "wipe", parameters: {} } };
    const read = { type: "function", function: { name: "read", parameters: {} } };
    await guardModel(plane, identity, bare).bindTools([wipe, read]).invoke("go");
    expect(bare.bound).toEqual([[read]]);
  });

  it("streams as it did when no rule looks at the answer", async () => {
    const texts = async (model: BaseChatModel): Promise<readonly string[]> =>
      (await drained(await model.stream("go"))).map((chunk) =>
        AIMessageChunk.isInstance(chunk) ? chunk.text : "",
      );
    const script = { text: "one two three" };
    expect(await texts(guardModel(planeOf(), identity, new ScriptedChatModel(script)))).toEqual(
      await texts(new ScriptedChatModel(script)),
    );
  });

  it("charges a stream whose reader leaves for what came", async () => {
    const policy: Policy = {
      id: "budget",
      blocking: [rule.tokenBudget({ limit: 20_000, window: "1h", per: "agent" })],
    };
    const plane = planeOf([policy]);
    const ends: unknown[] = [];
    plane.on("outcome", (record) => void ends.push(record.usage));
    const model = guardModel(plane, identity, new ScriptedChatModel({ text: "one two three four" }));
    for await (const chunk of await model.stream("go")) {
      expect(chunk.text).not.toBe("");
      break;
    }
    await expect.poll(() => ends).toHaveLength(1);
    expect(ends[0]).toMatchObject({ outputTokens: expect.any(Number) as number });
  });

  it("keeps the class of what it stands for, also of what ChatOpenAI and initChatModel make of themselves", async () => {
    const plane = planeOf([NO_MODELS]);
    const open = new ChatOpenAI({
      model: "gpt-4o",
      apiKey: "none",
      maxRetries: 0,
      configuration: { baseURL: "http://127.0.0.1:1" },
    });
    const model = guardModel(plane, identity, open);
    expect(model).toBeInstanceOf(ChatOpenAI);
    for (const made of [model, model.bindTools([extract]), model.withConfig({ tags: ["x"] }), inner(model)]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other says which one fails
      const answer: unknown = await made.invoke("go");
      expect(AIMessage.isInstance(answer) && answer.response_metadata).toMatchObject({ agentplane: {} });
    }
    // Its native events, too: they do not go through its chunks.
    expect(JSON.stringify(await WAYS["events v3"]?.(model))).toMatch(/by policy/i);
    const late = await initChatModel("openai:gpt-4o", { apiKey: "none", maxRetries: 0 });
    const answer = await guardModel(plane, identity, late).invoke("go");
    expect(answer.response_metadata).toMatchObject({ agentplane: { effect: "block" } });
  });
});

/** ChatOpenAI asks one of two models inside it. */
function inner(model: object): BaseChatModel {
  return Reflect.get(model, "responses") as BaseChatModel;
}

async function stop(plane: AgentPlane): Promise<void> {
  await plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "mira" });
}
