import { rule, type Policy } from "@agentplane/core";
import { RunnableLambda } from "@langchain/core/runnables";
import { Command, Send } from "@langchain/langgraph";
import {
  createAgent,
  createMiddleware,
  modelFallbackMiddleware,
  modelRetryMiddleware,
  providerStrategy,
  tool,
  toolRetryMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { guardModel, guardTool } from "../src/langgraph.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { governedGraph } from "./langgraph/governed-graph.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const NO_PAY: Policy = { id: "no-pay", blocking: [rule.denylist({ tools: ["pay"] })] };
const input = { messages: [{ role: "user", content: "go" }] };

const noModel = (name: string): Policy => ({
  id: `no-${name}`,
  blocking: [rule.condition({ where: { model: name }, reason: `${name} is not to be asked` })],
});

/** Another model than the script's first one. */
class Second extends ScriptedChatModel {
  override readonly model = "scripted-2";
}

const calling = (name: string): ScriptedChatModel => new ScriptedChatModel({ calls: [{ name }] });

describe("a denied call with middleware around it", () => {
  it("does not run by being tried again", async () => {
    const pay = countingTool("pay");
    const retry = toolRetryMiddleware({ maxRetries: 3, initialDelayMs: 0, jitter: false });
    const { run } = governedAgent({
      plane: planeOf([NO_PAY]),
      model: calling("pay"),
      tools: [pay.tool],
      middleware: [retry as AnyAgentMiddleware],
    });
    const { toolMessages } = await run();
    expect(pay.runs).toEqual([]);
    expect(toolMessages.map(({ status }) => status)).toEqual(["error"]);
  });

  it.each(["retry", "fallback"])("is not asked by a %s of a model that is denied", async (kind) => {
    const [first, second] = [new ScriptedChatModel({ text: "first" }), new Second({ text: "second" })];
    const middleware =
      kind === "retry"
        ? modelRetryMiddleware({ maxRetries: 3, initialDelayMs: 0 })
        : modelFallbackMiddleware(second);
    const { run } = governedAgent({
      plane: planeOf([noModel("scripted-1")]),
      model: first,
      middleware: [middleware as AnyAgentMiddleware],
    });
    const { last } = await run();
    expect(first.prompts).toEqual([]);
    // A refusal is an answer: nothing failed that another model would have to make good.
    expect(second.prompts).toEqual([]);
    expect(last.text).toMatch(/scripted-1 is not to be asked/);
  });

  it("is not asked as the fallback of a model that failed", async () => {
    const [first, second] = [
      new ScriptedChatModel({ error: new Error("down") }),
      new Second({ text: "second" }),
    ];
    const { run } = governedAgent({
      plane: planeOf([noModel("scripted-2")]),
      model: first,
      middleware: [modelFallbackMiddleware(second) as AnyAgentMiddleware],
    });
    const { last } = await run();
    expect(second.prompts).toEqual([]);
    expect(last.text).toMatch(/scripted-2 is not to be asked/);
  });

  it("does not run as a tool that one middleware offers and another supplies", async () => {
    const pay = countingTool("pay");
    const dynamic = createMiddleware({
      name: "dynamic",
      wrapModelCall: (request, handler) => handler({ ...request, tools: [...request.tools, pay.tool] }),
      wrapToolCall: (request, handler) =>
        handler(request.toolCall.name === "pay" ? { ...request, tool: pay.tool } : request),
    });
    const { run } = governedAgent({
      plane: planeOf([NO_PAY]),
      model: calling("pay"),
      tools: [countingTool("read").tool],
      middleware: [dynamic as AnyAgentMiddleware],
    });
    const { toolMessages } = await run();
    expect(pay.runs).toEqual([]);
    expect(toolMessages.map(({ status }) => status)).toEqual(["error"]);
  });

  it("does not run as another tool under a name that is allowed", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const swap = createMiddleware({
      name: "swap",
      wrapToolCall: (request, handler) => handler({ ...request, tool: pay.tool }),
    });
    const { run } = governedAgent({
      plane: planeOf([NO_PAY]),
      model: calling("read"),
      tools: [read.tool],
      middleware: [swap as AnyAgentMiddleware],
    });
    await run();
    expect([...pay.runs, ...read.runs]).toEqual([]);
  });
});

describe("a denied tool that code inside a governed one calls", () => {
  const pay = () => countingTool("pay");
  const WAYS: Readonly<Record<string, (denied: ReturnType<typeof pay>["tool"]) => unknown>> = {
    invoke: (denied) => denied.invoke({}),
    "invoke without a configuration of the run": (denied) => denied.invoke({}, {}),
    "a RunnableLambda": (denied) => RunnableLambda.from(() => denied.invoke({})).invoke({}),
    "a sequence": (denied) =>
      RunnableLambda.from(() => ({}))
        .pipe(denied as never)
        .invoke({}),
    "a batch": (denied) =>
      RunnableLambda.from(() => ({}))
        .pipe(denied as never)
        .batch([{}, {}]),
    "a stream": async (denied) => {
      for await (const _ of await RunnableLambda.from(() => ({}))
        .pipe(denied as never)
        .stream({}));
    },
    withFallbacks: (denied) => denied.withFallbacks([denied]).invoke({}),
    withRetry: (denied) => denied.withRetry({ stopAfterAttempt: 2 }).invoke({}),
    withConfig: (denied) => denied.withConfig({ tags: ["x"] }).invoke({}),
  };

  it.each(Object.entries(WAYS))("does not run by %s", async (_, way) => {
    const { tool: denied, runs } = pay();
    const outer = tool(async () => String(await way(denied)), {
      name: "read",
      description: "Reads.",
      schema: z.looseObject({}),
    });
    await governedAgent({ plane: planeOf([NO_PAY]), model: calling("read"), tools: [outer] })
      .run()
      .catch(() => undefined);
    expect(runs).toEqual([]);
  });
});

describe("a call that no model made", () => {
  const call = { type: "tool_call", id: "x", name: "pay", args: {} } as const;

  it("does not run by a Send to the tools of an agent", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const { agent, run } = governedAgent({
      plane: planeOf([NO_PAY]),
      model: calling("read"),
      tools: [pay.tool, read.tool],
      hasCheckpointer: true,
    });
    await run();
    const goto = new Send("tools", { messages: [], lg_tool_call: call });
    await agent
      .invoke(new Command({ goto }) as never, { configurable: { thread_id: "t1" } })
      .catch(() => undefined);
    expect(read.runs).toHaveLength(1);
    expect(pay.runs).toEqual([]);
  });

  it("does not run by a Command of a tool that sends to the tools of an agent", async () => {
    const pay = countingTool("pay");
    const read = countingTool(
      "read",
      () => new Command({ goto: new Send("tools", { messages: [], lg_tool_call: call }) }),
    );
    const { run } = governedAgent({
      plane: planeOf([NO_PAY]),
      model: calling("read"),
      tools: [pay.tool, read.tool],
    });
    await run().catch(() => undefined);
    expect(pay.runs).toEqual([]);
  });

  it("does not run in a GuardedToolNode that gets it as a Send", async () => {
    const pay = countingTool("pay");
    const { graph, run } = governedGraph({
      plane: planeOf([NO_PAY]),
      model: new ScriptedChatModel({ text: "hi" }, { text: "done" }),
      tools: [pay.tool],
    });
    await run();
    const goto = new Send("tools", { messages: [], lg_tool_call: call });
    await graph
      .invoke(new Command({ goto }) as never, { configurable: { thread_id: "t1" } })
      .catch(() => undefined);
    expect(pay.runs).toEqual([]);
  });
});

describe("what is made of a guarded model or tool", () => {
  it("falls back to nothing where it refuses: its words are the answer", async () => {
    const [first, second] = [new ScriptedChatModel({ text: "first" }), new Second({ text: "second" })];
    const guarded = guardModel(planeOf([noModel("scripted-1")]), { agent: "a" }, first);
    const answer = await guarded.withFallbacks([second]).invoke("go");
    expect(answer.text).toMatch(/scripted-1 is not to be asked/);
    expect([...first.prompts, ...second.prompts]).toEqual([]);
  });

  it("does not fall back to a tool that is denied as well", async () => {
    const [pay, other] = [countingTool("pay"), countingTool("pay")];
    const plane = planeOf([NO_PAY]);
    const guarded = guardTool(plane, { agent: "a" }, pay.tool);
    const backed = guarded.withFallbacks([guardTool(plane, { agent: "a" }, other.tool)]);
    await expect(backed.invoke({})).rejects.toThrow(/pay/);
    expect([...pay.runs, ...other.runs]).toEqual([]);
  });
});

it("a response in the provider's own format is redacted in every place that repeats it", async () => {
  const model = new ScriptedChatModel({ text: JSON.stringify({ contact: "bob@example.com" }) });
  const agent = createAgent(
    govern(
      planeOf([{ id: "r", blocking: [rule.redact({ detect: ["email"], from: ["response"] })] }]),
      { agent: "a" },
      {
        model,
        tools: [],
        responseFormat: providerStrategy(z.object({ contact: z.string() })),
      },
    ),
  );
  const result = await agent.invoke(input);
  expect(result.structuredResponse).toHaveProperty("contact");
  expect(JSON.stringify(result)).not.toContain("bob@example.com");
});
