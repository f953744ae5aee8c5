import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { describe, expect, it } from "vitest";

import { guardModel } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel, USAGE } from "./scripted-model.ts";

const FINISH = { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage: USAGE } as const;
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** The parts as a guarded model gives them. */
async function shown(...parts: readonly LanguageModelV4StreamPart[]) {
  const model = guardModel(planeOf([NO_EMAILS]), WHO, new ScriptedModel([{ parts }]));
  const { stream } = await model.doStream({ prompt: [] });
  const given: LanguageModelV4StreamPart[] = [];
  for await (const part of stream) given.push(part);
  return given;
}

describe("the words of a streamed part are redacted:", () => {
  for (const type of ["file", "reasoning-file"] as const)
    it(`those of a ${type}, in the form it had`, async () => {
      const file = { type, mediaType: "text/plain" } as const;
      const text = `to ${EMAIL}`;
      const bytes = new TextEncoder().encode(text);
      const parts = await shown(
        { ...file, data: { type: "data", data: base64(text) } },
        { ...file, data: { type: "data", data: bytes } },
        { ...file, data: { type: "url", url: new URL(`https://example.org/?to=${EMAIL}`) } },
      );
      expect(parts).toEqual([
        { ...file, data: { type: "data", data: base64("to [EMAIL]") } },
        { ...file, data: { type: "data", data: new TextEncoder().encode("to [EMAIL]") } },
        { ...file, data: { type: "url", url: new URL("https://example.org/?to=[EMAIL]") } },
      ]);
    });

  it("what a source quotes", async () => {
    const parts = await shown({
      type: "source",
      sourceType: "url",
      id: "s",
      url: "https://example.org",
      providerMetadata: { anthropic: { citedText: EMAIL } },
    });
    expect(JSON.stringify(parts)).toContain("citedText");
    expect(JSON.stringify(parts)).not.toContain(EMAIL);
  });

  const errors: readonly (readonly [string, unknown])[] = [
    ["the cause", new Error("failed", { cause: new Error(EMAIL) })],
    ["a member's member", Object.assign(new Error("failed"), { value: { mail: EMAIL } })],
    ["the message", new Error(`no ${EMAIL}`)],
    ["something that is no error", { body: [EMAIL] }],
    ["its own words", { toString: () => EMAIL }],
  ];
  for (const [what, error] of errors)
    it(`${what} of an error`, async () => {
      const [part] = await shown({ type: "error", error }, FINISH);
      if (part?.type !== "error" || !(part.error instanceof Error)) throw new Error("not an error");
      expect(part.error).not.toBe(error);
      expect([part.error.message, part.error.stack, part.error.cause].join("\n")).not.toContain(EMAIL);
    });

  it("an error that says nothing of it stays the same, also with itself as its cause", async () => {
    const error = new Error("failed");
    error.cause = error;
    expect(await shown({ type: "error", error })).toEqual([{ type: "error", error }]);
  });

  it("a tool's input that is one text, with escapes", async () => {
    const call = { type: "tool-call", toolCallId: "c", toolName: "t" } as const;
    expect(
      await shown({ ...call, input: '"to bob\\u0040example.com"' }, { ...call, input: '"[x]"' }),
    ).toEqual([
      { ...call, input: '"to [EMAIL]"' },
      { ...call, input: '"[x]"' },
    ]);
  });

  it("a result that is one text, which is JSON with escapes", async () => {
    const result = { type: "tool-result", toolCallId: "c", toolName: "t" } as const;
    const json = '{"mail":"bob\\u0040example.com"}';
    expect(
      await shown({ ...result, result: json }, { ...result, result: ["a"] }, { ...result, result: "b" }),
    ).toEqual([
      { ...result, result: '{"mail":"[EMAIL]"}' },
      { ...result, result: ["a"] },
      { ...result, result: "b" },
    ]);
    const [part] = await shown({ type: "error", error: json });
    expect(part).toMatchObject({ error: { message: '{"mail":"[EMAIL]"}' } });
  });

  it("the name of a tool that the model has invented, with its input, and no name that it was offered", async () => {
    const named = { type: "function", name: EMAIL, inputSchema: { type: "object" } } as const;
    const start = { type: "tool-input-start", id: "c", toolName: EMAIL } as const;
    const call = {
      type: "tool-call",
      toolCallId: "c",
      toolName: EMAIL,
      input: `{"to":["${EMAIL}"]}`,
    } as const;
    const parts = [start, call, { ...call, toolCallId: "d", input: `to ${EMAIL}` }, FINISH];
    const invented = [
      { ...start, toolName: "[EMAIL]" },
      { ...call, toolName: "[EMAIL]", input: '{"to":["[EMAIL]"]}' },
      { ...call, toolCallId: "d", toolName: "[EMAIL]", input: "to [EMAIL]" },
      FINISH,
    ];
    expect(await shown(...parts)).toEqual(invented);
    const model = guardModel(planeOf([NO_EMAILS]), WHO, new ScriptedModel([{ parts }]));
    const { stream } = await model.doStream({ prompt: [], tools: [named] });
    const given: LanguageModelV4StreamPart[] = [];
    for await (const part of stream) given.push(part);
    expect(given.slice(0, 2)).toEqual([start, { ...call, input: '{"to":["[EMAIL]"]}' }]);
  });

  it.each([null, { test: null }, { test: undefined }, { test: "x" }])(
    "and what a provider outside of TypeScript says of nothing passes: %j",
    async (metadata) => {
      // As such a provider gives it.
      const finish = { ...FINISH, providerMetadata: metadata as never };
      const delta = { type: "text-delta", id: "t", delta: EMAIL } as const;
      const parts = await shown({ type: "stream-start", warnings: null as never }, delta, finish);
      expect([parts[0], parts.at(-1)]).toEqual([{ type: "stream-start", warnings: null }, finish]);
      expect(JSON.stringify(parts)).not.toContain(EMAIL);
    },
  );

  it("tokens one by one are left out, for they cannot be put together again", async () => {
    const [part] = await shown({
      ...FINISH,
      providerMetadata: { openai: { logprobs: [{ token: "bob@" }], responseId: "r1" } },
    });
    expect(part).toMatchObject({ providerMetadata: { openai: { responseId: "r1" } } });
    expect(JSON.stringify(part)).not.toContain("bob@");
  });
});

it("says all of a tool's input before it is called, also where the provider leaves out its end", async () => {
  const call = { type: "tool-call", toolCallId: "c", toolName: "t" } as const;
  const parts = await shown(
    { type: "tool-input-start", id: "c", toolName: "t" },
    { type: "tool-input-delta", id: "c", delta: '{"to":"bob@' },
    { type: "tool-input-delta", id: "c", delta: 'example.com"}' },
    { ...call, input: `{"to":"${EMAIL}"}` },
    FINISH,
  );
  const types = parts.map(({ type }) => type);
  expect(types.lastIndexOf("tool-input-delta")).toBeLessThan(types.indexOf("tool-call"));
  const deltas = parts.map((part) => (part.type === "tool-input-delta" ? part.delta : "")).join("");
  expect(deltas).toBe('{"to":"[EMAIL]"}');
  expect(parts.at(-2)).toEqual({ ...call, input: deltas });
});
