import { PolicyBlocked, PolicyError, rule, type Policy } from "@agentplane/core";
import { APICallError, embed, embedMany, generateImage, generateText } from "ai";
import { MockEmbeddingModelV4, MockImageModelV4 } from "ai/test";
import { afterEach, describe, expect, it, vi } from "vitest";

import { guardEmbeddingModel, guardImageModel, guardProvider } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const NO_MODEL: Policy = {
  id: "no-model",
  blocking: [rule.condition({ where: { model: "*" }, reason: "no models today" })],
};
const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };

const usedOf = async (plane: ReturnType<typeof planeOf>) =>
  (await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" }))[0];

const busy = () =>
  new APICallError({
    message: "busy",
    url: "http://127.0.0.1",
    requestBodyValues: {},
    statusCode: 429,
    responseHeaders: { "retry-after-ms": "1" },
  });

describe("models of other kinds", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("embed redacted values, and their tokens are charged", async () => {
    const plane = planeOf([NO_EMAILS, BUDGET]);
    const model = new MockEmbeddingModelV4({
      maxEmbeddingsPerCall: 1,
      doEmbed: async ({ values }) => ({
        embeddings: values.map(() => [1]),
        usage: { tokens: 7 },
        warnings: [],
      }),
    });
    const { embeddings } = await embedMany({
      model: guardEmbeddingModel(plane, WHO, model),
      values: [`a ${EMAIL}`, "b"],
    });
    expect(embeddings).toHaveLength(2);
    expect(JSON.stringify(model.doEmbedCalls.map(({ values }) => values))).not.toContain(EMAIL);
    expect(await usedOf(plane)).toMatchObject({ used: 14, held: 0 });
    await expect(
      embedMany({ model: guardEmbeddingModel(planeOf([NO_MODEL]), WHO, model), values: ["a"] }),
    ).rejects.toBeInstanceOf(PolicyError);
  });

  it("are counted once when the SDK tries again, and cut with their agent", async () => {
    const once: Policy = {
      id: "once",
      selector: { hookpoints: ["before_model_call"] },
      blocking: [rule.rate({ limit: 1, window: "1h" })],
    };
    const plane = planeOf([BUDGET, once]);
    let calls = 0;
    const signals: (AbortSignal | undefined)[] = [];
    const model = new MockEmbeddingModelV4({
      doEmbed: async ({ values, abortSignal }) => {
        signals.push(abortSignal);
        if (calls++ === 0) throw busy();
        await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
        return { embeddings: values.map(() => [1]), usage: { tokens: 7 }, warnings: [] };
      },
    });
    const embedded = embed({ model: guardEmbeddingModel(plane, WHO, model), value: "a" });
    // After a first attempt the SDK puts what ends the second into an error of its own.
    await expect(embedded).rejects.toMatchObject({ lastError: expect.any(PolicyError) });
    expect(calls).toBe(2);
    expect(signals.map((signal) => signal?.aborted)).toEqual([false, true]);
    expect(await usedOf(plane)).toMatchObject({ held: 0 });
  });

  it("are told nothing of who acts: what is meant for the plane stays here", async () => {
    const plane = planeOf([], { identity: { trust: ["framework"] } });
    const providerOptions = { agentplane: { tenant: "acme" }, other: { size: "big" } };
    const told: unknown[] = [];
    const embedding = new MockEmbeddingModelV4({
      doEmbed: async (options) => {
        told.push(options.providerOptions);
        return { embeddings: [[1]], usage: { tokens: 1 }, warnings: [] };
      },
    });
    await embed({ model: guardEmbeddingModel(plane, WHO, embedding), value: "a", providerOptions });
    const image = new MockImageModelV4({
      doGenerate: async (options) => {
        told.push(options.providerOptions);
        const response = { timestamp: new Date(0), modelId: "m", headers: undefined };
        return { images: ["aGk="], warnings: [], response };
      },
    });
    await generateImage({ model: guardImageModel(plane, WHO, image as never), prompt: "x", providerOptions });
    expect(told).toEqual([{ other: { size: "big" } }, { other: { size: "big" } }]);
  });

  it("paint from redacted prompts", async () => {
    const painted: unknown[] = [];
    const model = new MockImageModelV4({
      doGenerate: async ({ prompt }) => {
        painted.push(prompt);
        return {
          images: ["aGk="],
          warnings: [],
          providerMetadata: { test: { images: [{ revisedPrompt: `a letter to ${EMAIL}` }] } },
          response: { timestamp: new Date(0), modelId: "m", headers: undefined },
        };
      },
    });
    const { providerMetadata } = await generateImage({
      model: guardImageModel(planeOf([NO_EMAILS]), WHO, model as never),
      prompt: `draw ${EMAIL}`,
    });
    expect(JSON.stringify(providerMetadata)).toContain("a letter to [EMAIL]");
    expect(JSON.stringify(painted)).toContain("draw");
    expect(JSON.stringify(painted)).not.toContain(EMAIL);
    await expect(
      generateImage({ model: guardImageModel(planeOf([NO_MODEL]), WHO, model as never), prompt: "x" }),
    ).rejects.toBeInstanceOf(PolicyError);
  });

  it("all come guarded from a guarded provider", async () => {
    const plane = planeOf([NO_MODEL]);
    const embedding = new MockEmbeddingModelV4({});
    const provider = {
      specificationVersion: "v4",
      languageModel: () => new ScriptedModel([]),
      embeddingModel: () => embedding,
      imageModel: () => new MockImageModelV4({}),
    } as const;
    const guarded = guardProvider(plane, WHO, provider as never);
    await expect(generateText({ model: guarded.languageModel("x"), prompt: "go" })).rejects.toBeInstanceOf(
      PolicyBlocked,
    );
    await expect(embedMany({ model: guarded.embeddingModel("x"), values: ["a"] })).rejects.toBeInstanceOf(
      PolicyBlocked,
    );
    await expect(generateImage({ model: guarded.imageModel("x"), prompt: "x" })).rejects.toBeInstanceOf(
      PolicyBlocked,
    );
  });
});
