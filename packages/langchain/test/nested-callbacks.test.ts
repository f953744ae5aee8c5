import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { RunnableLambda } from "@langchain/core/runnables";
import { createAgent, createMiddleware, tool, type ToolRuntime } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { guardModel, guardTool } from "../src/langgraph.ts";
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

/** Ways of calling that do not inherit the callbacks around them. */
const HEARD_BY_OTHERS = { callbacks: [BaseCallbackHandler.fromMethods({ handleToolEnd: () => undefined })] };
const NOT_INHERITED: Readonly<Record<string, (tool: Wipe, runtime: ToolRuntime) => Promise<unknown>>> = {
  "with callbacks of its own": (wipe) => wipe.invoke({}, HEARD_BY_OTHERS),
  "with no callbacks": (wipe) => wipe.invoke({}, { callbacks: [] }),
  "bound to callbacks": (wipe) => wipe.withConfig(HEARD_BY_OTHERS).invoke({}),
  "in a batch": (wipe) => wipe.batch([{}], { callbacks: [] }),
  "with the configuration of the node": (wipe, runtime) => wipe.invoke({}, runtime.config),
  "by an agent with callbacks of its own": (wipe) => wiping(wipe).invoke(input, HEARD_BY_OTHERS),
  "by an agent with no callbacks": (wipe) => wiping(wipe).invoke(input, { callbacks: [] }),
};
type Wipe = ReturnType<typeof countingTool>["tool"];

function wiping(wipe: Wipe) {
  const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "done" });
  return createAgent({ model, tools: [wipe], name: "wiping" });
}

/** Runs an agent whose tool, or middleware, does this. */
async function runWith(
  plane: AgentPlane,
  inside: (runtime: ToolRuntime) => Promise<unknown>,
  place: "tool" | "middleware" = "tool",
): Promise<void> {
  const work = async (_: unknown, runtime: ToolRuntime): Promise<string> => {
    await inside(runtime).catch(() => undefined);
    return "ok";
  };
  const delegate = tool(work, { name: "delegate", description: "Delegates.", schema: z.looseObject({}) });
  const calls = place === "tool" ? [{ name: "delegate" }] : [];
  const model = new ScriptedChatModel({ calls }, { text: "done" });
  const asking = createMiddleware({
    name: "asking",
    wrapModelCall: async (request, handler) => {
      // What a tool is told beside its node is not looked at here.
      if (place === "middleware") await work(undefined, { config: {} } as ToolRuntime);
      return handler(request);
    },
  });
  await createAgent(govern(plane, { agent: "a" }, { model, tools: [delegate], middleware: [asking] })).invoke(
    input,
  );
}

describe.each(["tool", "middleware"] as const)("a call in a %s that inherits no callbacks", (place) => {
  it.each(Object.entries(NOT_INHERITED))("does not run when it is denied: %s", async (_, way) => {
    const wipe = countingTool("wipe");
    await runWith(planeOf([]), (runtime) => way(wipe.tool, runtime), place);
    expect(wipe.runs).toHaveLength(1);
    await runWith(planeOf([DENIED]), (runtime) => way(wipe.tool, runtime), place);
    expect(wipe.runs).toHaveLength(1);
  });

  it("is decided once where it is governed itself", async () => {
    const plane = planeOf();
    const names: unknown[] = [];
    plane.on("decision", ({ decision, tool: called, identity }) => {
      if (identity.agent === "inner") names.push(`${decision.hookpoint} ${called ?? ""}`);
    });
    const inner = { agent: "inner" };
    const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "done" });
    const wipe = countingTool("wipe");
    const agent = createAgent(govern(plane, inner, { model, tools: [wipe.tool] }));
    const guarded = guardTool(plane, inner, wipe.tool);
    await runWith(
      plane,
      async () => {
        await guarded.invoke({}, HEARD_BY_OTHERS);
        await guardModel(plane, inner, new ScriptedChatModel()).invoke("hello", { callbacks: [] });
        await agent.invoke(input, HEARD_BY_OTHERS);
      },
      place,
    );
    const ofAgent = ["before_agent ", "before_model_call ", "before_tool_call wipe", "before_model_call "];
    expect(names).toEqual(["before_tool_call wipe", "before_model_call ", ...ofAgent]);
    expect(wipe.runs).toHaveLength(2);
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
