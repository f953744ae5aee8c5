import { rule, type Policy } from "@agentplane/core";
import { RunnableLambda } from "@langchain/core/runnables";
import { createAgent, tool } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { guardTool } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const DENIED: Policy = { id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] };

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

/** An agent with an agent inside a tool, of which nobody governs the inner one. */
function outerAgent(inner: Parameters<typeof createAgent>[0]["tools"], policies: readonly Policy[]) {
  const sub = createAgent({
    model: new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "done" }),
    tools: inner ?? [],
  });
  const delegate = tool(async () => (await sub.invoke(input)).messages.at(-1)?.text, {
    name: "delegate",
    description: "Delegates.",
    schema: z.looseObject({}),
  });
  const model = new ScriptedChatModel({ calls: [{ name: "delegate" }] }, { text: "done" });
  return createAgent(govern(planeOf(policies), { agent: "a" }, { model, tools: [delegate] }));
}

async function all(stream: AsyncIterable<unknown>): Promise<string> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return JSON.stringify(events);
}

describe("a tool of an agent inside a tool", () => {
  type Agent = ReturnType<typeof outerAgent>;
  it.each<[string, (agent: Agent) => Promise<unknown>]>([
    ["no callbacks", (agent) => agent.invoke(input)],
    ["an empty list of callbacks", (agent) => agent.invoke(input, { callbacks: [] })],
    ["a handler", (agent) => agent.invoke(input, { callbacks: [{ handleToolStart: () => undefined }] })],
    ["a stream of messages", async (agent) => all(await agent.stream(input, { streamMode: "messages" }))],
    ["streamEvents v2", (agent) => all(agent.streamEvents(input, { version: "v2" }))],
    ["streamEvents v3", async (agent) => all(await agent.streamEvents(input, { version: "v3" }))],
    ["a batch", (agent) => agent.graph.batch([input], { callbacks: [] })],
    ["bound callbacks", (agent) => agent.withConfig({ callbacks: [] }).invoke(input)],
  ])("does not run when it is denied, in a run with %s", async (_name, run) => {
    const wipe = countingTool("wipe");
    await run(outerAgent([wipe.tool], [DENIED]));
    expect(wipe.runs).toEqual([]);
  });

  it("does not run when it is denied, where it was made of a runnable", async () => {
    const runs: unknown[] = [];
    const wipe = RunnableLambda.from((given: object) => {
      runs.push(given);
      return "wiped";
    }).asTool({ name: "wipe", description: "Wipes.", schema: z.object({}) });
    await outerAgent([wipe], []).invoke(input);
    expect(runs).toHaveLength(1);
    await outerAgent([wipe], [DENIED]).invoke(input);
    expect(runs).toHaveLength(1);
  });
});

describe("what a tool shows while it works", () => {
  const showing = tool(
    async function* () {
      yield "mail bob@example.com";
      return "done";
    },
    { name: "read", description: "Reads.", schema: z.looseObject({}) },
  );
  const calling = (): ScriptedChatModel =>
    new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
  const masked = planeOf([{ id: "r", blocking: [rule.redact({ detect: ["email"] })] }]);

  it.each([
    ["under govern", govern(masked, { agent: "a" }, { model: calling(), tools: [showing] })],
    ["under guardTool", { model: calling(), tools: [guardTool(masked, { agent: "a" }, showing)] }],
  ])("is told to nobody where a policy looks at its result, %s", async (_name, params) => {
    const stream = await createAgent(params).stream(input, { streamMode: ["tools", "values"] });
    expect(await all(stream)).not.toContain("bob@");
  });

  it("is told as it would be where none does", async () => {
    const params = govern(planeOf(), { agent: "a" }, { model: calling(), tools: [showing] });
    const stream = await createAgent(params).stream(input, { streamMode: ["tools", "values"] });
    expect(await all(stream)).toContain("bob@");
  });
});
