import { PolicyBlocked, rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { generateObject, generateText, Output, stepCountIs, streamText, APICallError } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern, guardModel } from "../src/index.ts";
import { countingTool, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };
const ONCE: Policy = {
  id: "once",
  selector: { hookpoints: ["before_model_call"] },
  blocking: [rule.rate({ limit: 1, window: "1h" })],
};
const stopWhen = stepCountIs(5);

const usedOf = async (plane: ReturnType<typeof planeOf>) =>
  (await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" }))[0];

describe("an answer", () => {
  it("is redacted on every surface: content, structured output, the provider's own copy", async () => {
    const model = new ScriptedModel([
      {
        text: `write to ${EMAIL}`,
        reasoning: `I know ${EMAIL}`,
        content: [{ type: "source", sourceType: "url", id: "1", url: "https://example.org", title: EMAIL }],
      },
    ]);
    const result = await generateText(govern(planeOf([NO_EMAILS]), WHO, { model, prompt: "go" }));
    expect(result.text).toContain("write to");
    expect(
      JSON.stringify([result.content, result.reasoningText, result.sources, result.response, result.steps]),
    ).not.toContain(EMAIL);
  });

  it("has no words in its warnings either, whole or streamed", async () => {
    const warnings = [{ type: "other", message: `ignored ${EMAIL}` }] as const;
    const own = new ScriptedModel([
      { text: "one" },
      { parts: [{ type: "stream-start", warnings: [...warnings] }] },
    ]);
    const generate = own.doGenerate.bind(own);
    own.doGenerate = async (options) => ({ ...(await generate(options)), warnings: [...warnings] });
    const model = guardModel(planeOf([NO_EMAILS]), WHO, own);
    const shown = [{ type: "other", message: "ignored [EMAIL]" }];
    expect((await model.doGenerate({ prompt: [] })).warnings).toEqual(shown);
    const { stream } = await model.doStream({ prompt: [] });
    const parts: unknown[] = [];
    for await (const part of stream) parts.push(part);
    expect(parts).toEqual([{ type: "stream-start", warnings: shown }]);
    own.doGenerate = async (options) => {
      const { warnings: _none, ...rest } = await generate(options);
      // Not of the type, and taken by the SDK all the same.
      return rest as Awaited<ReturnType<typeof generate>>;
    };
    expect((await model.doGenerate({ prompt: [] })).warnings).toBeUndefined();
  });

  it("loses what repeats it where it cannot be redacted: the provider's body, the tokens of log probabilities", async () => {
    const model = new ScriptedModel([]);
    const said = { text: "as below", structuredOutputText: JSON.stringify({ mail: EMAIL }) };
    const own = new ScriptedModel([said]);
    model.doGenerate = async (options) => ({
      ...(await own.doGenerate(options)),
      providerMetadata: { test: { logprobs: ["bob@", "example", ".com"], kept: true } },
    });
    const { model: guarded } = govern(planeOf([NO_EMAILS]), WHO, { model });
    const result = await guarded.doGenerate({
      prompt: [{ role: "user", content: [{ type: "text", text: "go" }] }],
    });
    expect(JSON.parse(result.structuredOutputText ?? "")).toHaveProperty("mail");
    expect(JSON.stringify(result)).not.toContain(EMAIL);
    expect(result.providerMetadata).toEqual({ test: { kept: true } });
    expect(result.response?.body).toBeUndefined();
  });

  it("keeps the provider's own copy only where no rule looks at it: it may say more than the answer", async () => {
    const shadow: Policy = { ...NO_EMAILS, mode: "shadow" };
    for (const [policies, isKept] of [
      [[], true],
      [[shadow], true],
      [[BUDGET], true],
      [[NO_EMAILS], false],
    ] as const) {
      const model = new ScriptedModel([]);
      const body = { choices: [{ text: "hello" }, { text: EMAIL }] };
      const response = { id: "r1", headers: { a: "b" }, body };
      const own = new ScriptedModel([{ text: "hello" }]);
      model.doGenerate = async (options) => ({ ...(await own.doGenerate(options)), response });
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      const result = await guardModel(planeOf(policies), WHO, model).doGenerate({ prompt: [] });
      expect(result.response).toEqual(isKept ? response : { id: "r1", headers: { a: "b" } });
    }
  });

  it("that is parsed as an object contains no secret", async () => {
    const json = JSON.stringify({ mail: EMAIL });
    const schema = z.object({ mail: z.string() });
    const model = new ScriptedModel([{ text: json, structuredOutputText: json }]);
    const { output } = await generateText(
      govern(planeOf([NO_EMAILS]), WHO, { model, prompt: "go", output: Output.object({ schema }) }),
    );
    expect(output.mail).toBeTypeOf("string");
    expect(output.mail).not.toContain(EMAIL);
    const object = await generateObject(
      govern(planeOf([NO_EMAILS]), WHO, { model: new ScriptedModel([{ text: json }]), prompt: "go", schema }),
    );
    expect(object.object.mail).not.toContain(EMAIL);
  });
});

describe("the settlement of a model call", () => {
  const flaky = (times: number) => {
    const busy = () =>
      new APICallError({
        message: "busy",
        url: "http://127.0.0.1",
        requestBodyValues: {},
        statusCode: 429,
        responseHeaders: { "retry-after-ms": "1" },
      });
    return new ScriptedModel([
      ...Array.from({ length: times }, () => ({ error: busy() })),
      { text: "hello" },
    ]);
  };

  it("is one rate count and one charge for a provider retry, whole or streamed", async () => {
    for (const isStreaming of [false, true]) {
      const plane = planeOf([BUDGET, ONCE]);
      const model = flaky(1);
      const settings = govern(plane, WHO, { model, prompt: "go" });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const text = await (isStreaming
        ? streamText(settings).text
        : generateText(settings).then((result) => result.text));
      expect(text).toBe("hello");
      expect(model.requests).toHaveLength(2);
      // oxlint-disable-next-line no-await-in-loop
      expect(await usedOf(plane)).toMatchObject({ used: 30, held: 0 });
    }
  });

  it("is one for each prompt: a call is not taken for the retry of another", async () => {
    const plane = planeOf([ONCE]);
    const model = guardModel(plane, WHO, flaky(1));
    const say = (text: string): LanguageModelV4CallOptions => ({
      prompt: [{ role: "user", content: [{ type: "text", text }] }],
    });
    await expect(model.doGenerate(say("one"))).rejects.toThrow("busy");
    await expect(model.doGenerate(say("two"))).rejects.toBeInstanceOf(PolicyBlocked);
    expect((await model.doGenerate(say("one"))).content).toEqual([{ type: "text", text: "hello" }]);
  });

  it("is another for the same prompt once that was answered", async () => {
    const plane = planeOf([{ ...ONCE, blocking: [rule.rate({ limit: 2, window: "1h" })] }]);
    const model = guardModel(plane, WHO, flaky(1));
    const again = async () => model.doGenerate({ prompt: [] });
    await expect(again()).rejects.toThrow("busy");
    await again();
    expect((await again()).content).toEqual([{ type: "text", text: "done" }]);
    await expect(again()).rejects.toBeInstanceOf(PolicyBlocked);
  });

  it("gives the estimate back where nobody will try again: its caller has given up", async () => {
    const plane = planeOf([BUDGET]);
    const controller = new AbortController();
    const own = flaky(1);
    const fail = own.doGenerate.bind(own);
    own.doGenerate = async (options) => {
      controller.abort();
      return fail(options);
    };
    const call = guardModel(plane, WHO, own).doGenerate({ prompt: [], abortSignal: controller.signal });
    await expect(call).rejects.toThrow("busy");
    expect(await usedOf(plane)).toMatchObject({ held: 0 });
  });

  it("gives the estimate back when the SDK gives up", async () => {
    const plane = planeOf([BUDGET]);
    await expect(
      generateText(govern(plane, WHO, { model: flaky(9), prompt: "go", maxRetries: 1 })),
    ).rejects.toThrow("busy");
    expect(await usedOf(plane)).toMatchObject({ used: 0, held: 0 });
  });

  it("charges every step once, structured output included", async () => {
    const plane = planeOf([BUDGET]);
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }, { text: "done" }, { text: '{"a":"b"}' }]);
    await generateText({
      ...govern(plane, WHO, { model, tools: { read: countingTool().tool }, prompt: "go" }),
      stopWhen,
    });
    await generateObject(govern(plane, WHO, { model, prompt: "go", schema: z.object({ a: z.string() }) }));
    expect(await usedOf(plane)).toMatchObject({ used: 90, held: 0 });
  });
});
