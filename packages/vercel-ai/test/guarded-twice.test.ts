import { rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import {
  embedMany,
  generateImage,
  generateText,
  streamText,
  wrapEmbeddingModel,
  wrapImageModel,
  wrapLanguageModel,
  type EmbeddingModelMiddleware,
  type ImageModelMiddleware,
} from "ai";
import { MockEmbeddingModelV4, MockImageModelV4 } from "ai/test";
import { describe, expect, it } from "vitest";

import { guardEmbeddingModel, guardImageModel, guardModel } from "../src/index.ts";
import { decisionsOf, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

type Middleware = Exclude<Parameters<typeof wrapLanguageModel>[0]["middleware"], readonly unknown[]>;

const LIMITS: Policy = {
  id: "p",
  selector: { hookpoints: ["before_model_call"] },
  blocking: [
    rule.rate({ limit: 2, window: "1h", per: "global" }),
    rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "global" }),
  ],
};

/** A model that is guarded for the application, changed, and guarded for the agent. */
function twice(middleware: Middleware) {
  const plane = planeOf([LIMITS, NO_EMAILS]);
  const own = new ScriptedModel([{ text: `write to ${EMAIL} now` }, { text: "again" }]);
  const inner = guardModel(plane, { agent: "app" }, own);
  const model = guardModel(plane, WHO, wrapLanguageModel({ model: inner, middleware }));
  const used = async (): Promise<unknown> =>
    Promise.all(
      ["rate", "tokenBudget"].map(async (ruleId) => {
        const [state] = await plane.limits.read({ policyId: "p", ruleId });
        return state?.used;
      }),
    );
  return { plane, own, inner, model, used };
}

const ADDING: Middleware = {
  transformParams: async ({ params }) => ({
    ...params,
    prompt: [...params.prompt, { role: "user", content: [{ type: "text", text: EMAIL }] }],
  }),
};

describe("a model that is guarded twice with a middleware between", () => {
  for (const [what, middleware] of [
    ["that adds to the prompt", ADDING],
    ["that changes nothing", {}],
  ] as const)
    it(`is decided twice and counted once: ${what}`, async () => {
      const { plane, own, model, used } = twice(middleware);
      const decisions = decisionsOf(plane);
      await generateText({ model, prompt: "go" });
      expect(await used()).toEqual([1, 30]);
      await streamText({ model, prompt: "go" }).consumeStream();
      expect(await used()).toEqual([2, 60]);
      const agents = decisions.filter(({ decision }) => decision.hookpoint === "before_model_call");
      expect(agents.map(({ identity }) => identity.agent)).toEqual(["a", "app", "a", "app"]);
      expect(own.told).not.toContain(EMAIL);
    });

  it("shows the middleware nothing that was redacted", async () => {
    const seen: unknown[] = [];
    const { model } = twice({
      wrapGenerate: async ({ doGenerate }) => {
        const result = await doGenerate();
        seen.push(result);
        return result;
      },
    });
    await generateText({ model, prompt: "go" });
    expect(JSON.stringify(seen)).toContain("write to");
    expect(JSON.stringify(seen)).not.toContain(EMAIL);
  });

  it("is counted as what it is where the middleware lets another model answer", async () => {
    const other = new ScriptedModel([{ text: "from another" }], "other");
    const { plane, model, used } = twice({
      wrapGenerate: async ({ params }) => guardModel(plane, { agent: "app" }, other).doGenerate(params),
    });
    await generateText({ model, prompt: "go" });
    expect(other.requests).toHaveLength(1);
    expect(await used()).toEqual([2, 60]);
  });

  it("is counted by each of two planes", async () => {
    const planes = [planeOf([LIMITS]), planeOf([LIMITS])] as const;
    const inner = guardModel(planes[0], WHO, new ScriptedModel([{ text: "one" }]));
    const model = guardModel(planes[1], WHO, wrapLanguageModel({ model: inner, middleware: {} }));
    await generateText({ model, prompt: "go" });
    for (const { limits } of planes)
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      expect(await limits.read({ policyId: "p", ruleId: "tokenBudget" })).toMatchObject([{ used: 30 }]);
  });

  it("is counted for each call of the provider that the middleware makes", async () => {
    const { model, own, used } = twice({
      wrapGenerate: async ({ doGenerate }) => {
        await doGenerate();
        return doGenerate();
      },
    });
    await generateText({ model, prompt: "go" });
    expect(own.requests).toHaveLength(2);
    expect(await used()).toEqual([2, 60]);
  });

  it("is counted for each of two calls at once that have the same prompt", async () => {
    const { own, inner, used } = twice({});
    const call: LanguageModelV4CallOptions = {
      prompt: [{ role: "user", content: [{ type: "text", text: "go" }] }],
    };
    await Promise.all([inner.doGenerate(call), inner.doGenerate(call)]);
    expect(own.requests).toHaveLength(2);
    expect(await used()).toEqual([2, 60]);
  });
});

describe("a model of another kind that is guarded twice with a middleware between", () => {
  const BUDGET: Policy = {
    id: "b",
    blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "global" })],
  };
  const usedOf = async (plane: ReturnType<typeof planeOf>): Promise<unknown> =>
    (await plane.limits.read({ policyId: "b", ruleId: "tokenBudget" }))[0]?.used;
  const specificationVersion = "v4";

  it.each(["", EMAIL])("is counted once: values to embed, one with '%s' before it", async (added) => {
    const plane = planeOf([BUDGET, NO_EMAILS]);
    const own = new MockEmbeddingModelV4({
      maxEmbeddingsPerCall: 5,
      doEmbed: async ({ values }) => ({
        embeddings: values.map(() => [1]),
        usage: { tokens: 7 },
        warnings: [],
      }),
    });
    const middleware: EmbeddingModelMiddleware = {
      specificationVersion,
      transformParams: async ({ params: { values, ...rest } }) => ({
        ...rest,
        values: values.map((value, at) => (at === 0 ? added + value : value)),
      }),
    };
    const inner = guardEmbeddingModel(plane, { agent: "app" }, own);
    const model = guardEmbeddingModel(plane, WHO, wrapEmbeddingModel({ model: inner, middleware }));
    await embedMany({ model, values: ["a", "b"] });
    expect(JSON.stringify(own.doEmbedCalls)).not.toContain(EMAIL);
    expect(await usedOf(plane)).toBe(7);
  });

  it.each([1, 2])("is counted as often as the middleware asks for a picture: %d", async (times) => {
    const plane = planeOf([BUDGET]);
    const response = { timestamp: new Date(0), modelId: "m", headers: undefined };
    const usage = { inputTokens: 5, outputTokens: 2, totalTokens: 7 };
    const own = new MockImageModelV4({
      doGenerate: async () => ({ images: ["aGk="], warnings: [], response, usage }),
    });
    const middleware: ImageModelMiddleware = {
      specificationVersion,
      wrapGenerate: async ({ doGenerate }) => {
        const answers = await Promise.all(Array.from({ length: times }, () => doGenerate()));
        return answers.at(-1) ?? doGenerate();
      },
    };
    // The kit's model is one of the lowest version's types too.
    const inner = guardImageModel(plane, { agent: "app" }, own as never);
    const model = guardImageModel(plane, WHO, wrapImageModel({ model: inner, middleware }));
    await generateImage({ model, prompt: "a cat" });
    expect(await usedOf(plane)).toBe(7 * times);
  });
});
