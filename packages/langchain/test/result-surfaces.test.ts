import { rule, type Policy } from "@agentplane/core";
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";
import { ToolMessage } from "@langchain/core/messages";
import { LangChainTracer } from "@langchain/core/tracers/tracer_langchain";
import { Command } from "@langchain/langgraph";
import { createAgent, tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const SECRET = "mail bob@example.com now";
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const input = { messages: [{ role: "user", content: "go" }] };

const fields = (responseFormat: "content" | "content_and_artifact" = "content") =>
  ({ name: "read", description: "Reads.", schema: z.looseObject({}), responseFormat }) as const;

/** What a tool may give. */
const RESULTS = {
  "a text": () => tool(() => SECRET, fields()),
  "blocks and an artifact": () =>
    tool(() => [[{ type: "text", text: SECRET }], { rows: [SECRET] }], fields("content_and_artifact")),
  "a message": () =>
    tool(
      (_: object, { toolCallId }: { toolCallId: string }) =>
        new ToolMessage({ content: SECRET, artifact: [SECRET], tool_call_id: toolCallId, name: "read" }),
      fields(),
    ),
  "a Command": () =>
    tool(
      (_: object, { toolCallId }: { toolCallId: string }) =>
        new Command({
          update: {
            messages: [new ToolMessage({ content: SECRET, tool_call_id: toolCallId, name: "read" })],
          },
        }),
      fields(),
    ),
} as const;

function agentOf(policies: readonly Policy[], result: keyof typeof RESULTS) {
  const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
  return createAgent(
    govern(planeOf(policies), { agent: "a" }, { model, tools: [RESULTS[result]() as never] }),
  );
}
type Agent = ReturnType<typeof agentOf>;

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const parts: unknown[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

async function traced(agent: Agent): Promise<unknown> {
  const sent: unknown[] = [];
  const note = async (...given: unknown[]): Promise<void> => void sent.push(JSON.stringify(given));
  // What the tracer asks of LangSmith's client.
  const tracer = new LangChainTracer({ client: { createRun: note, updateRun: note } });
  await agent.invoke(input, { callbacks: [tracer] });
  await awaitAllCallbacks();
  return sent;
}

async function heard(agent: Agent): Promise<unknown> {
  const events: unknown[] = [];
  const note = (event: unknown): void => void events.push(JSON.stringify(event));
  await agent.invoke(input, { callbacks: [{ handleToolEnd: note, handleChainEnd: note }] });
  await awaitAllCallbacks();
  return events;
}

/** Where what a tool gave can be seen. */
const SURFACES: Readonly<Record<string, (agent: Agent) => Promise<unknown>>> = {
  "the final state": (agent) => agent.invoke(input),
  "the stream of messages": async (agent) => all(await agent.stream(input, { streamMode: "messages" })),
  "the stream of updates": async (agent) => all(await agent.stream(input, { streamMode: "updates" })),
  "streamEvents v2": (agent) => all(agent.streamEvents(input, { version: "v2" })),
  "streamEvents v3": async (agent) => all(await agent.streamEvents(input, { version: "v3" })),
  "callback handlers": heard,
  "a tracer": traced,
};

describe.each(Object.keys(RESULTS) as (keyof typeof RESULTS)[])("%s that a tool gives", (result) => {
  it.each(Object.entries(SURFACES))("is redacted in %s", async (_, see) => {
    expect(JSON.stringify(await see(agentOf([], result)))).toContain("bob@example.com");
    const shown = JSON.stringify(await see(agentOf([REDACT], result)));
    expect(shown).toContain(" now");
    expect(shown).not.toContain("bob@example.com");
  });
});
