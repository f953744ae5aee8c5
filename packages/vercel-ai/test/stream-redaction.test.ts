import { rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { jsonSchema, Output, stepCountIs, streamText, tool, type TextStreamPart, type ToolSet } from "ai";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel, USAGE } from "./scripted-model.ts";

const FINISH = { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage: USAGE } as const;
/** A rule that must see the whole answer. */
const NO_PEOPLE: Policy = {
  id: "no-people",
  blocking: [rule.piiBlock({ detect: ["email"], channels: ["model_output"] })],
};

/** A text cut at these positions. */
function cut(text: string, at: readonly number[]): readonly string[] {
  const points = [...new Set(at.map((point) => point % (text.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...points].map((from, index) => text.slice(from, points[index])).filter((piece) => piece !== "");
}

/** A stream that says a text in every way in which a stream can, in these pieces. */
function everyWay(pieces: readonly string[]): readonly LanguageModelV4StreamPart[] {
  const json = JSON.stringify({ mail: pieces.join("") });
  const parts: LanguageModelV4StreamPart[] = [
    { type: "stream-start", warnings: [] },
    { type: "reasoning-start", id: "r" },
    { type: "text-start", id: "t" },
  ];
  for (const delta of pieces) {
    parts.push({ type: "raw", rawValue: { delta } });
    parts.push({ type: "reasoning-delta", id: "r", delta });
    parts.push({ type: "text-delta", id: "t", delta });
  }
  parts.push({ type: "reasoning-end", id: "r" }, { type: "text-end", id: "t" });
  parts.push({ type: "tool-input-start", id: "c1", toolName: "send" });
  parts.push({ type: "tool-input-delta", id: "c1", delta: '{"mail":"' });
  for (const delta of pieces) parts.push({ type: "tool-input-delta", id: "c1", delta });
  parts.push({ type: "tool-input-delta", id: "c1", delta: '"}' }, { type: "tool-input-end", id: "c1" });
  parts.push({ type: "tool-call", toolCallId: "c1", toolName: "send", input: json });
  parts.push({
    type: "source",
    sourceType: "url",
    id: "s",
    url: "https://example.org",
    title: pieces.join(""),
  });
  parts.push({ ...FINISH, providerMetadata: { test: { echo: pieces.join("") } } });
  return parts;
}

async function read(parts: readonly LanguageModelV4StreamPart[], policies: readonly Policy[]) {
  const deltas: string[] = [];
  const inputs: unknown[] = [];
  const send = tool({
    inputSchema: jsonSchema({ type: "object" }),
    onInputDelta: ({ inputTextDelta }) => void deltas.push(inputTextDelta),
    execute: async (input) => void inputs.push(input),
  });
  const result = streamText({
    ...govern(planeOf(policies), WHO, {
      model: new ScriptedModel([{ parts }]),
      tools: { send },
      prompt: "go",
    }),
    include: { rawChunks: true },
  });
  const seen: TextStreamPart<ToolSet>[] = [];
  for await (const part of result.fullStream) seen.push(part);
  const steps = JSON.stringify(await result.steps);
  return {
    seen,
    all: JSON.stringify([seen, deltas, inputs]) + steps,
    deltas: deltas.join(""),
    text: await result.text,
  };
}

describe("what is redacted from a stream", () => {
  it("appears nowhere, wherever it is split: text, reasoning, tool input, raw parts, sources, metadata", async () => {
    const words = `write to ${EMAIL} soon`;
    const whole = await read(everyWay([words]), [NO_EMAILS]);
    expect(whole.text).toMatch(/^write to \S+ soon$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(words.length), { maxLength: 8 }), async (at) => {
        const { all, text, deltas, seen } = await read(everyWay(cut(words, at)), [NO_EMAILS]);
        expect(all).not.toContain(EMAIL);
        expect(all).not.toContain("bob@");
        expect(all).not.toContain("example.com");
        expect(text).toBe(whole.text);
        expect(deltas).toBe(whole.deltas);
        expect(seen.some(({ type }) => type === "raw")).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it("leaves nothing else changed: parts keep their order, and a text is ended after it was said", async () => {
    const { seen } = await read(everyWay(["no ", "secret"]), [NO_EMAILS]);
    const types = seen.map(({ type }) => type);
    expect(types.lastIndexOf("text-delta")).toBeLessThan(types.indexOf("text-end"));
    expect(types.indexOf("text-start")).toBeLessThan(types.indexOf("text-delta"));
    expect(types.at(-1)).toBe("finish");
  });

  it("lets raw parts and every part pass as they are where nothing is looked at", async () => {
    const { seen } = await read(everyWay(["no ", "secret"]), []);
    expect(seen.filter(({ type }) => type === "raw")).toHaveLength(2);
  });

  it("is gone from a streamed object too", async () => {
    const parts: readonly LanguageModelV4StreamPart[] = [
      { type: "stream-start", warnings: [] },
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: '{"mail":"bob@exam' },
      { type: "text-delta", id: "t", delta: 'ple.com"}' },
      { type: "text-end", id: "t" },
      FINISH,
    ];
    const result = streamText(
      govern(planeOf([NO_EMAILS]), WHO, {
        model: new ScriptedModel([{ parts }]),
        prompt: "go",
        output: Output.object({ schema: z.object({ mail: z.string() }) }),
      }),
    );
    const partial: unknown[] = [];
    for await (const object of result.partialOutputStream) partial.push(object);
    expect(JSON.stringify(partial)).toContain("mail");
    expect(JSON.stringify([partial, await result.output])).not.toContain("example");
  });

  it("is not shown by an error part that quotes it", async () => {
    const parts: readonly LanguageModelV4StreamPart[] = [
      { type: "stream-start", warnings: [] },
      { type: "error", error: Object.assign(new Error("cannot parse"), { text: EMAIL }) },
      FINISH,
    ];
    const errors: unknown[] = [];
    const result = streamText({
      ...govern(planeOf([NO_EMAILS]), WHO, { model: new ScriptedModel([{ parts }]), prompt: "go" }),
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    const [error] = errors;
    expect(error).toBeInstanceOf(Error);
    expect(JSON.stringify([String(error), { ...(error as object) }])).not.toContain(EMAIL);
  });
});

it("withholds all of an answer that a rule must see whole, in words of the protocol", async () => {
  const plane = planeOf([NO_PEOPLE]);
  const model = new ScriptedModel([{ text: `ask ${EMAIL} for it` }]);
  const result = streamText({ ...govern(plane, WHO, { model, prompt: "go" }), stopWhen: stepCountIs(1) });
  const seen: TextStreamPart<ToolSet>[] = [];
  for await (const part of result.fullStream) seen.push(part);
  expect(JSON.stringify(seen)).not.toContain(EMAIL);
  expect(await result.text).toContain("withheld");
});
