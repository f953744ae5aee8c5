import { PolicyBlocked, rule } from "@agentplane/core";
import { generateText, ToolLoopAgent } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { describe, expect, it } from "vitest";

import { govern, guardModel } from "../src/index.ts";
import { countingTool, decisionsOf, denying, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

describe("which models are behind the plane", () => {
  it("also the one that prepareStep swaps in", async () => {
    const plane = planeOf([
      { id: "no-other", blocking: [rule.condition({ where: { model: "other" }, reason: "not that one" })] },
    ]);
    const other = new ScriptedModel([], "other");
    const settings = govern(plane, WHO, {
      model: new ScriptedModel([]),
      prompt: "go",
      prepareStep: () => ({ model: other }),
    });
    await expect(generateText(settings)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(other.requests).toEqual([]);
  });

  it("also what prepareCall of a ToolLoopAgent brings in: model and tools", async () => {
    const plane = planeOf([denying("wipe")]);
    const wipe = countingTool();
    const other = new ScriptedModel([{ calls: [{ name: "wipe" }] }], "other");
    const decisions = decisionsOf(plane);
    const agent = new ToolLoopAgent(
      govern(plane, WHO, {
        model: new ScriptedModel([]),
        tools: { wipe: countingTool().tool },
        prepareCall: (call) => ({ ...call, model: other, tools: { wipe: wipe.tool } }),
      }),
    );
    const { text } = await agent.generate({ prompt: "go" });
    expect(text).toBe("done");
    expect(wipe.runs).toEqual([]);
    expect(other.offered[0]).toEqual([]);
    expect(decisions.filter(({ decision }) => decision.hookpoint === "before_model_call")).toHaveLength(2);
  });

  it.each(["generate", "stream"] as const)(
    "also what the caller of a ToolLoopAgent's %s passes beside the prompt, which types forbid",
    async (how) => {
      const plane = planeOf([denying("wipe")]);
      const wipe = countingTool();
      const other = new ScriptedModel([{ calls: [{ name: "wipe" }] }, { text: "done" }], "other");
      const own = { model: new ScriptedModel([]), tools: { wipe: countingTool().tool } };
      const agent = new ToolLoopAgent(govern(plane, WHO, own));
      // Such as the members of a request's body, passed on as they came.
      const given = { prompt: "go", model: other, tools: { wipe: wipe.tool }, prepareStep: () => ({}) };
      const { text } = await agent[how](given);
      expect(await text).toBe("done");
      expect(wipe.runs).toEqual([]);
      expect(other.offered[0]).toEqual([]);
    },
  );

  it("a ToolLoopAgent, streamed or not", async () => {
    const plane = planeOf([denying("wipe")]);
    const wipe = countingTool();
    const model = new ScriptedModel([
      { calls: [{ id: "w1", name: "wipe" }] },
      { text: "one" },
      { calls: [{ id: "w2", name: "wipe" }] },
      { text: "two" },
    ]);
    const agent = new ToolLoopAgent(govern(plane, WHO, { model, tools: { wipe: wipe.tool } }));
    expect((await agent.generate({ prompt: "go" })).text).toBe("one");
    expect(await (await agent.stream({ prompt: "go" })).text).toBe("two");
    expect(wipe.runs).toEqual([]);
  });

  it("models of older versions, and those that are asked for by name", async () => {
    const v3 = new MockLanguageModelV3({
      doGenerate: async () => ({
        content: [{ type: "text", text: `from ${EMAIL}` }],
        finishReason: { unified: "stop", raw: undefined },
        usage: {
          inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
          outputTokens: { total: 1, text: 1, reasoning: 0 },
        },
        warnings: [],
      }),
    });
    const plane = planeOf([NO_EMAILS]);
    expect((await generateText(govern(plane, WHO, { model: v3, prompt: "go" }))).text).not.toContain(EMAIL);
    const v2 = {
      specificationVersion: "v2",
      provider: "old",
      modelId: "v2",
      supportedUrls: {},
      doGenerate: async () => ({
        content: [{ type: "text", text: `from ${EMAIL}` }],
        finishReason: "stop",
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
        warnings: [],
      }),
      doStream: async () => {
        throw new Error("not asked for");
      },
    } as const;
    expect((await generateText(govern(plane, WHO, { model: v2 as never, prompt: "go" }))).text).not.toContain(
      EMAIL,
    );
    const before = globalThis.AI_SDK_DEFAULT_PROVIDER;
    globalThis.AI_SDK_DEFAULT_PROVIDER = { languageModel: () => v3 } as never;
    try {
      expect(
        (await generateText(govern(plane, WHO, { model: "any/name", prompt: "go" }))).text,
      ).not.toContain(EMAIL);
    } finally {
      globalThis.AI_SDK_DEFAULT_PROVIDER = before;
    }
  });

  it("guarded twice it is decided once, for whom the last one says", async () => {
    const plane = planeOf();
    const decisions = decisionsOf(plane);
    const inner = guardModel(plane, { agent: "app" }, new ScriptedModel([]));
    await generateText({ model: guardModel(plane, WHO, guardModel(plane, WHO, inner)), prompt: "go" });
    expect(decisions.map(({ identity }) => identity.agent)).toEqual(["a"]);
  });
});
