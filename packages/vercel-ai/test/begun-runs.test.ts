import { ApprovalPending, rule, type Policy } from "@agentplane/core";
import { generateText, stepCountIs, streamText } from "ai";
import { describe, expect, it } from "vitest";

import { govern, guardModel } from "../src/index.ts";
import { askingPlane, countingTool, denying, EMAIL, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const BEFORE = { hookpoints: ["before_agent"] };
const stopWhen = stepCountIs(5);

describe("what rules change of a run before it begins", () => {
  const redacting: Policy = {
    id: "no-emails-in-runs",
    selector: BEFORE,
    blocking: [rule.redact({ detect: ["email"], from: ["input"] })],
  };

  it("is changed for each of its steps, in texts and parts, and nothing else is", async () => {
    const read = countingTool();
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }]);
    const kept = { role: "assistant", content: `I know ${EMAIL}` } as const;
    await generateText({
      ...govern(planeOf([redacting]), WHO, {
        model,
        tools: { read: read.tool },
        messages: [
          { role: "user", content: `from ${EMAIL}` },
          kept,
          {
            role: "user",
            content: [
              { type: "text", text: `to ${EMAIL}` },
              { type: "text", text: "now" },
            ],
          },
        ],
      }),
      stopWhen,
    });
    expect(model.requests).toHaveLength(2);
    for (const { prompt } of model.requests) {
      const [first, second, third] = prompt;
      expect(first?.content).toEqual([{ type: "text", text: "from [EMAIL]" }]);
      expect(second?.content).toEqual([{ type: "text", text: kept.content }]);
      expect(third?.content).toEqual([
        { type: "text", text: "to [EMAIL]" },
        { type: "text", text: "now" },
      ]);
    }
  });

  it("is what a hook made of it, in a stream too", async () => {
    const plane = planeOf();
    plane.hooks.on("before_agent", () => ({ input: ["be brief"] }));
    const model = new ScriptedModel([]);
    await streamText(govern(plane, WHO, { model, prompt: "write a book" })).consumeStream();
    expect(model.told).toContain("be brief");
    expect(model.told).not.toContain("book");
  });
});

describe("a model that is guarded alone", () => {
  it("waits for whoever must be asked about its agent", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    const ask = rule.condition({ where: { agent: "a" }, then: "escalate", reason: "a needs a person" });
    const model = new ScriptedModel([]);
    const plane = askingPlane([{ id: "ask", selector: BEFORE, blocking: [ask] }]);
    const call = generateText({ model: guardModel(plane, WHO, model), prompt: "go" });
    await expect(call).rejects.toBeInstanceOf(ApprovalPending);
    expect(model.requests).toEqual([]);
  });

  it("does not offer a tool of the provider's under another name, also when it is not told of the tools", async () => {
    const model = new ScriptedModel([]);
    const { doGenerate } = guardModel(planeOf([denying("openai.web_search")]), WHO, model);
    const look = { type: "provider", id: "openai.web_search", name: "look", args: {} } as const;
    const read = { type: "function", name: "read", inputSchema: { type: "object" } } as const;
    await doGenerate({ prompt: [], tools: [look, read] });
    expect(model.offered).toEqual([["read"]]);
  });
});
