import { rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { generateText, streamText, wrapLanguageModel } from "ai";
import { describe, expect, it } from "vitest";

import { guardModel } from "../src/index.ts";
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
