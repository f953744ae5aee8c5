import { rule, type Policy } from "@agentplane/core";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { Command, MessagesAnnotation, Send, StateGraph } from "@langchain/langgraph";
import { tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const call = (name: string, args: object = {}) => ({ calls: [{ name, args }] });

describe("a redacted tool result", () => {
  const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], fields: ["ssn"] })] };
  const secret = { mail: "bob@example.com", ssn: "412-55-7312", name: "Bob" };

  it("keeps id, name and status, and reaches the model without the secret", async () => {
    const read = countingTool("read", () => JSON.stringify([secret]));
    const model = new ScriptedChatModel(call("read"));
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [read.tool] });
    const { toolMessages } = await run();
    const kept = { tool_call_id: "call_1_0", name: "read", status: "success" };
    expect(toolMessages[0]).toMatchObject(kept);
    expectClean(toolMessages);
    expectClean(model.prompts[1]);
    expect(toolMessages[0]?.text).toContain("Bob");
  });

  it("is clean in content blocks and in the artifact", async () => {
    const blocks = tool(() => [[{ type: "text", text: "mail bob@example.com" }], { rows: [secret] }], {
      name: "blocks",
      description: "Gives blocks.",
      schema: z.object({}),
      responseFormat: "content_and_artifact",
    });
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("blocks")),
      tools: [blocks],
    });
    const { toolMessages } = await run();
    expectClean(toolMessages);
    expect(toolMessages[0]?.artifact).toMatchObject({ rows: [{ name: "Bob" }] });
  });

  it("is clean in everything a Command writes", async () => {
    const commanding = tool(
      (_, { toolCallId }: { toolCallId: string }) =>
        new Command({
          update: {
            messages: [
              new ToolMessage({
                content: "mail bob@example.com",
                tool_call_id: toolCallId,
                name: "commanding",
              }),
            ],
          },
        }),
      { name: "commanding", description: "Gives a Command.", schema: z.object({}) },
    );
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("commanding")),
      tools: [commanding],
    });
    const { toolMessages } = await run();
    expect(toolMessages).toHaveLength(1);
    expectClean(toolMessages);
  });

  it("is clean in what a Command sends to nodes", async () => {
    const sent = new Send("model_request", { messages: [new HumanMessage("mail bob@example.com")] });
    const sending = countingTool("sending", () => new Command({ goto: [sent] }));
    const model = new ScriptedChatModel(call("sending"));
    await governedAgent({ plane: planeOf([policy]), model, tools: [sending.tool] }).run();
    expect(JSON.stringify(model.prompts)).toMatch(/"mail \S/);
    expectClean(model.prompts);
  });

  it("is clean in a Command that leaves a graph inside the tool, and ends the call", async () => {
    const plane = planeOf([policy]);
    const ends: unknown[] = [];
    plane.on("outcome", (record) => void (record.tool === "leaving" && ends.push(record)));
    const leave = (): Command =>
      new Command({
        graph: Command.PARENT,
        update: { messages: [new HumanMessage("mail bob@example.com")] },
      });
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("leave", leave)
      .addEdge("__start__", "leave")
      .compile();
    const leaving = countingTool("leaving", () => graph.invoke({ messages: [] }));
    const { run } = governedAgent({
      plane,
      model: new ScriptedChatModel(call("leaving")),
      tools: [leaving.tool],
    });
    const { messages } = await run();
    expect(messages.map(({ text }) => text).join(" ")).toMatch(/mail \S/);
    expectClean(messages);
    expect(ends).toHaveLength(1);
  });

  it("is clean in the error of a tool that throws", async () => {
    const throwing = countingTool("throwing", () => {
      throw new Error("no access for bob@example.com");
    });
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("throwing")),
      tools: [throwing.tool],
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]).toMatchObject({ status: "error" });
    expect(toolMessages[0]?.text).toContain("Please fix your mistakes.");
    expectClean(toolMessages);
  });
});

function expectClean(value: unknown): void {
  expect(JSON.stringify(value)).not.toMatch(/bob@example|412-55-7312/);
}
