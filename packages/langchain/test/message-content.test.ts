import { AIMessage, AIMessageChunk, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { describe, expect, it } from "vitest";

import { copyMessage, readContent, writeContent } from "../src/message-content.ts";

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
});
