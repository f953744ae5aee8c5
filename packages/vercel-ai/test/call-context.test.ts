import { rule, type AbortSignalLike, type PolicyContext } from "@agentplane/core";
import { generateImage, generateText } from "ai";
import { MockImageModelV4 } from "ai/test";
import { describe, expect, it } from "vitest";

import { govern, guardImageModel } from "../src/index.ts";
import { cuttable } from "../src/call/native-signal.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

describe("what a policy reads of a call", () => {
  it.each([
    ["openai.responses", "gpt-5", "openai", "gpt-5"],
    ["openai", "gpt-5", "openai", "gpt-5"],
    ["gateway", "anthropic/claude", "anthropic", "claude"],
    ["gateway", "bare", "gateway", "bare"],
    ["other.chat", "org/model", "other", "org/model"],
  ])("names the provider and not its API: %s %s", async (provider, modelId, ...names) => {
    const plane = planeOf();
    const seen: PolicyContext[] = [];
    plane.hooks.on("before_model_call", (context) => void seen.push(context));
    const model = Object.assign(new ScriptedModel([], modelId), { provider });
    await generateText(govern(plane, WHO, { model, prompt: "go" }));
    expect(seen.map((context) => [context.model?.provider, context.model?.name])).toEqual([names]);
  });

  it("is no claim of identity that is not text", async () => {
    const plane = planeOf([], { identity: { trust: ["framework"] } });
    const seen: PolicyContext[] = [];
    plane.hooks.on("before_model_call", (context) => void seen.push(context));
    const providerOptions = { agentplane: { tenant: 5, user: "", session: "chat" } };
    await generateText(
      govern(plane, { agent: "a" }, { model: new ScriptedModel([]), prompt: "go", providerOptions }),
    );
    expect(seen.map(({ tenant, user }) => [tenant, user])).toEqual([[undefined, undefined]]);
  });
});

it("puts all that a provider reports on record: cached tokens cost another price", async () => {
  const plane = planeOf();
  const used: unknown[] = [];
  plane.on("outcome", ({ usage }) => usage !== undefined && used.push(usage));
  const own = new ScriptedModel([]);
  const answer = own.doGenerate.bind(own);
  own.doGenerate = async (options) => ({
    ...(await answer(options)),
    usage: {
      inputTokens: { total: 20, noCache: 5, cacheRead: 12, cacheWrite: 3 },
      outputTokens: { total: 10, text: 4, reasoning: 6 },
    },
  });
  await generateText(govern(plane, WHO, { model: own, prompt: "go" }));
  expect(used).toEqual([{ inputTokens: 20, outputTokens: 10, cacheReadTokens: 12, cacheWriteTokens: 3 }]);
});

it("charges the tokens of a picture", async () => {
  const plane = planeOf([{ id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] }]);
  const model = new MockImageModelV4({
    doGenerate: async () => ({
      images: ["aGk="],
      warnings: [],
      response: { timestamp: new Date(0), modelId: "m", headers: undefined },
      usage: { inputTokens: 11, outputTokens: 5, totalTokens: 16 },
    }),
  });
  await generateImage({ model: guardImageModel(plane, WHO, model as never), prompt: "a cat" });
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  expect(state).toMatchObject({ used: 16, held: 0 });
});

describe("a signal of a plane's own ports", () => {
  const foreign = () => {
    const listeners: (() => void)[] = [];
    const signal = {
      aborted: false,
      reason: undefined as unknown,
      addEventListener: (_type: "abort", listener: () => void) => void listeners.push(listener),
      removeEventListener: () => undefined,
    };
    const abort = (reason: unknown): void => {
      Object.assign(signal, { aborted: true, reason });
      for (const listener of listeners) listener();
    };
    return { signal: signal as AbortSignalLike, abort };
  };

  it("reaches the SDK as one of the platform, fired before or after", () => {
    const later = foreign();
    const { abortSignal } = cuttable({}, { signal: later.signal });
    expect(abortSignal.aborted).toBe(false);
    later.abort("stop");
    expect(abortSignal.reason).toBe("stop");
    const before = foreign();
    before.abort("at once");
    expect(cuttable({}, { signal: before.signal }).abortSignal.reason).toBe("at once");
  });
});
