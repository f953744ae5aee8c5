import { rule, type Policy } from "@agentplane/core";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { Command } from "@langchain/langgraph";
import { createMiddleware, tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { readResult, writeResult } from "../src/content/result-content.ts";
import { governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], fields: ["ssn"] })] };
const hidden = { mail: "bob@example.com", ssn: "412-55-7312", name: "Bob" };

const messageWithMetadata = (toolCallId: string): ToolMessage =>
  new ToolMessage({
    content: "done",
    tool_call_id: toolCallId,
    name: "noted",
    metadata: { row: hidden },
    response_metadata: { headers: hidden },
    additional_kwargs: { raw: hidden },
  });

const notedTool = (give: (toolCallId: string) => ToolMessage | Command) =>
  tool((_, { toolCallId }: { toolCallId: string }) => give(toolCallId), {
    name: "noted",
    description: "Gives a message with metadata.",
    schema: z.object({}),
  });

const agentWith = (noted: ReturnType<typeof notedTool>, policies: readonly Policy[] = [policy]) =>
  governedAgent({
    plane: planeOf(policies),
    model: new ScriptedChatModel({ calls: [{ name: "noted", args: {} }] }),
    tools: [noted],
  });

describe("metadata of a redacted result", () => {
  it("is clean in every field of a tool's message", async () => {
    const { toolMessages } = await agentWith(notedTool(messageWithMetadata)).run();
    expect(JSON.stringify(toolMessages)).not.toMatch(SECRET);
    expectRedactedMetadata(toolMessages[0]);
  });

  it("is clean in the messages of a Command", async () => {
    const commanding = notedTool((id) => new Command({ update: { messages: [messageWithMetadata(id)] } }));
    const { toolMessages } = await agentWith(commanding).run();
    expect(JSON.stringify(toolMessages)).not.toMatch(SECRET);
    expectRedactedMetadata(toolMessages[0]);
  });

  it("is clean in a model's answer, and keeps which model gave it", async () => {
    const answering = createMiddleware({
      name: "answering",
      wrapModelCall: () =>
        Promise.resolve(
          new AIMessage({ content: "done", response_metadata: { model_name: "m-1", headers: hidden } }),
        ),
    });
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel({ text: "unused" }),
      middleware: [answering],
    });
    const { last } = await run();
    expect(JSON.stringify(last)).not.toMatch(SECRET);
    expect(last.response_metadata).toMatchObject({ model_name: "m-1", headers: { name: "Bob" } });
  });

  it("leaves the paths of a result where policies look for them", () => {
    const answer = new AIMessage({ content: "done", response_metadata: { model_name: "m-1" } });
    expect(readResult(answer)).toEqual({
      role: "ai",
      content: "done",
      messageMetadata: [{ response_metadata: { model_name: "m-1" } }],
    });
  });

  it("goes with the result that is replaced as a whole", () => {
    const message = messageWithMetadata("c1");
    writeResult(message, "withheld");
    expect(JSON.stringify(message)).not.toMatch(SECRET);
    expect(message.content).toBe("withheld");
  });

  it("stays what it was where nothing is to be redacted", async () => {
    const { toolMessages } = await agentWith(notedTool(messageWithMetadata), []).run();
    expect(toolMessages[0]).toMatchObject({
      content: "done",
      metadata: { row: hidden },
      response_metadata: { headers: hidden },
      additional_kwargs: { raw: hidden },
    });
  });
});

const SECRET = /bob@example|412-55-7312/;

function expectRedactedMetadata(message: ToolMessage | undefined): void {
  const fields = [message?.metadata, message?.response_metadata, message?.additional_kwargs];
  expect(JSON.stringify(fields)).not.toMatch(SECRET);
  expect(message).toMatchObject({
    content: "done",
    metadata: { row: { name: "Bob" } },
    response_metadata: { headers: { name: "Bob" } },
    additional_kwargs: { raw: { name: "Bob" } },
  });
}
