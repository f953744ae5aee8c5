import { AIMessage, AIMessageChunk, HumanMessage, ToolMessage } from "@langchain/core/messages";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { copyMessage, readContent, writeContent } from "../src/content/message-content.ts";

const chunk = new AIMessageChunk({
  id: "m1",
  content: "to bob",
  tool_call_chunks: [{ id: "c1", name: "mail", args: '{"to":"bob"}', index: 0, type: "tool_call_chunk" }],
  additional_kwargs: {
    tool_calls: [{ id: "c1", type: "function", function: { name: "mail", arguments: '{"to":"bob"}' } }],
  },
});

Object.assign(chunk, { usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } });

const replaced = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll("bob", "[X]"));

describe("message content", () => {
  it("reads a model's answer with its calls, and a tool's answer as its content", () => {
    expect(readContent(chunk)).toEqual({
      role: "ai",
      content: "to bob",
      toolCalls: [{ name: "mail", args: { to: "bob" } }],
    });
    expect(readContent(new ToolMessage({ content: "rows", tool_call_id: "c1" }))).toBe("rows");
    expect(readContent(new ToolMessage({ content: "rows", tool_call_id: "c1", artifact: [1] }))).toEqual({
      content: "rows",
      artifact: [1],
    });
  });

  it("writes into the very message, everywhere the text is repeated, and keeps the rest", () => {
    const written = writeContent(chunk, replaced(readContent(chunk)));
    expect(written).toBe(chunk);
    expect(
      JSON.stringify([chunk, chunk.lc_kwargs, chunk.tool_call_chunks, chunk.additional_kwargs]),
    ).not.toContain("bob");
    expect(chunk).toMatchObject({
      id: "m1",
      tool_calls: [{ id: "c1", name: "mail", args: { to: "[X]" } }],
      usage_metadata: { total_tokens: 3 },
    });
  });

  it("finds messages wherever a value nests them", () => {
    const update = {
      messages: [new ToolMessage({ content: "bob", tool_call_id: "c1" })],
      note: "bob",
      tuples: [["messages", [new HumanMessage("bob")]]],
    };
    const written = writeContent(update, replaced(readContent(update)));
    expect(JSON.stringify(written)).not.toContain("bob");
    expect(written).toHaveProperty("messages[0].tool_call_id", "c1");
  });

  it("gives back a value that is no plain data as the very same object", () => {
    const date = new Date(0);
    expect(writeContent({ date }, readContent({ date }))).toEqual({ date });
    expect(readContent({ date })).toHaveProperty("date", date);
  });

  it("copies a message so that the original keeps its text", () => {
    const original = new AIMessage({
      id: "m",
      content: "bob",
      tool_calls: [{ id: "c", name: "mail", args: { to: "bob" } }],
    });
    const copy = copyMessage(original);
    writeContent(copy, replaced(readContent(copy)));
    expect(copy).toBeInstanceOf(AIMessage);
    expect(copy.id).toBe("m");
    expect(JSON.stringify(copy)).not.toContain("bob");
    expect(original.text).toBe("bob");
    expect(original.tool_calls?.[0]?.args).toEqual({ to: "bob" });
  });

  it("is left as it was by writing what was read", () => {
    fc.assert(
      fc.property(nested, (value) => {
        const before = JSON.stringify(value);
        expect(JSON.stringify(writeContent(value, readContent(value)))).toBe(before);
      }),
    );
  });

  it("carries a change to every text, wherever it stands", () => {
    fc.assert(
      fc.property(nested, (value) => {
        const written = writeContent(value, replaced(readContent(value)));
        expect(JSON.stringify(written)).not.toContain("bob");
      }),
    );
  });
});

const text = fc.constantFrom("bob", "to bob and ann", "", "rows");
const args = fc.record({ to: text, list: fc.array(text, { maxLength: 2 }) });
const content = fc.oneof(
  text,
  fc.array(
    text.map((words) => ({ type: "text" as const, text: words })),
    { maxLength: 2 },
  ),
);
const message = fc.oneof(
  content.map((words) => new HumanMessage({ content: words })),
  fc
    .tuple(content, args)
    .map(
      ([words, input]) =>
        new AIMessage({ content: words, tool_calls: [{ id: "c", name: "mail", args: input }] }),
    ),
  fc
    .tuple(content, args)
    .map(([words, artifact]) => new ToolMessage({ content: words, tool_call_id: "c", artifact })),
  content.map((words) => new ToolMessage({ content: words, tool_call_id: "c", status: "error" })),
);
const nested = fc.oneof(
  message,
  fc.record({ messages: fc.array(message, { maxLength: 3 }), note: text }),
  fc.array(fc.tuple(fc.constant("messages"), fc.array(message, { maxLength: 2 })), { maxLength: 2 }),
);
