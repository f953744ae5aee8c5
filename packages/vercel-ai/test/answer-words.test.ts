import type { LanguageModelV4Content } from "@ai-sdk/provider";
import { rule } from "@agentplane/core";
import { generateText } from "ai";
import { describe, expect, it } from "vitest";

import { govern, guardModel } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

/** The content as a guarded model gives it. */
async function shown(...content: readonly LanguageModelV4Content[]) {
  const model = guardModel(planeOf([NO_EMAILS]), WHO, new ScriptedModel([{ content }]));
  return (await model.doGenerate({ prompt: [] })).content;
}

describe("the words of a finished answer are redacted:", () => {
  for (const mediaType of ["text", "application/x-ndjson", "application/sql", "application/octet-stream"])
    it(`those of a file that is text and called ${mediaType}`, async () => {
      const file = { type: "file", mediaType } as const;
      expect(await shown({ ...file, data: { type: "data", data: base64(`to ${EMAIL} é`) } })).toEqual([
        { ...file, data: { type: "data", data: base64("to [EMAIL] é") } },
      ]);
    });

  it("and bytes that are no text stay what they are", async () => {
    const file = { type: "file", mediaType: "application/zip" } as const;
    for (const bytes of [Uint8Array.of(0x50, 0x4b, 0xff, 1), Uint8Array.of(0x41, 0, 0x42)]) {
      const part = { ...file, data: { type: "data", data: base64(bytes) } } as const;
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      expect(await shown(part)).toEqual([part]);
    }
  });

  it("the address of a file, and one whose host is hidden leads nowhere", async () => {
    const file = { type: "file", mediaType: "application/pdf" } as const;
    const model = new ScriptedModel([
      { content: [{ ...file, data: { type: "url", url: new URL("https://example.org/a") } }] },
    ]);
    const plane = planeOf([
      { id: "no-address", blocking: [rule.redact({ fields: ["url"], from: ["response"] })] },
    ]);
    const { content } = await guardModel(plane, WHO, model).doGenerate({ prompt: [] });
    expect(content).toEqual([{ ...file, data: { type: "url", url: new URL("about:blank") } }]);
    expect(
      await shown({ ...file, data: { type: "url", url: new URL(`https://example.org/?to=${EMAIL}`) } }),
    ).toEqual([{ ...file, data: { type: "url", url: new URL("https://example.org/?to=[EMAIL]") } }]);
  });

  it.each([
    { providerMetadata: null },
    { providerMetadata: { test: null } },
    { warnings: null },
    { response: null },
  ])("also where a provider outside of TypeScript leaves something out: %j", async (missing) => {
    const own = new ScriptedModel([{ text: EMAIL }]);
    const answer = own.doGenerate.bind(own);
    // As such a provider gives it.
    own.doGenerate = async (options) => ({ ...(await answer(options)), ...(missing as object) });
    const { text } = await generateText(govern(planeOf([NO_EMAILS]), WHO, { model: own, prompt: "go" }));
    expect(text).toBe("[EMAIL]");
  });

  it("what a source quotes", async () => {
    const source = { type: "source", sourceType: "url", id: "s", url: "https://example.org" } as const;
    const quoted = await shown({ ...source, providerMetadata: { anthropic: { citedText: EMAIL } } });
    expect(quoted).toEqual([{ ...source, providerMetadata: { anthropic: { citedText: "[EMAIL]" } } }]);
  });

  it("a tool's input that is one text, with escapes", async () => {
    const call = { type: "tool-call", toolCallId: "c", toolName: "t" } as const;
    expect(await shown({ ...call, input: '"bob\\u0040example.com"' })).toEqual([
      { ...call, input: '"[EMAIL]"' },
    ]);
  });
});

it("keeps the ids that hold a conversation together, whatever they look like", async () => {
  const id = EMAIL;
  const model = new ScriptedModel([{ calls: [{ id, name: "look" }], text: EMAIL }]);
  const { toolCalls, text, response } = await generateText(
    govern(planeOf([NO_EMAILS]), WHO, { model, prompt: "go" }),
  );
  expect(text).not.toContain(EMAIL);
  expect(toolCalls.map(({ toolCallId }) => toolCallId)).toEqual([id]);
  const tool = {
    role: "tool",
    content: [
      { type: "tool-result", toolCallId: id, toolName: "look", output: { type: "text", value: EMAIL } },
    ],
  } as const;
  const messages = [{ role: "user", content: "go" } as const, ...response.messages.slice(0, 1)];
  const again = new ScriptedModel([]);
  await generateText(
    govern(planeOf([NO_EMAILS]), WHO, {
      model: again,
      messages: [...messages, { ...tool, content: [...tool.content] }],
    }),
  );
  const told = again.requests[0]?.prompt.at(-1);
  expect(told).toMatchObject({ content: [{ toolCallId: id, output: { value: "[EMAIL]" } }] });
});
