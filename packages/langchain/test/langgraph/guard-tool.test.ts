import { PolicyBlocked, rule, type AgentPlane, type Policy } from "@agentplane/core";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { RunnableLambda } from "@langchain/core/runnables";
import { DynamicTool, StructuredTool, type DynamicStructuredTool } from "@langchain/core/tools";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { createReactAgent, ToolNode } from "@langchain/langgraph/prebuilt";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { guardTool } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

const DENY: Policy = { id: "deny", blocking: [rule.denylist({ tools: ["wipe"] })] };
const NO_MAIL: Policy = { id: "pii", blocking: [rule.redact({ detect: ["email"] })] };
const identity = { agent: "a" };
const CALL = { type: "tool_call", id: "c1", name: "wipe", args: { id: 1 } } as const;

/** Every way to a tool's code. */
const WAYS: Readonly<Record<string, (tool: DynamicStructuredTool) => unknown>> = {
  invoke: (tool) => tool.invoke({ id: 1 }),
  "invoke with a model's call": (tool) => tool.invoke(CALL),
  call: (tool) => tool.call({ id: 1 }),
  "call with a model's call": (tool) => tool.call(CALL as never),
  stream: async (tool) => drained(await tool.stream({ id: 1 })),
  batch: (tool) => tool.batch([{ id: 1 }]),
  "events v2": (tool) => drained(tool.streamEvents({ id: 1 }, { version: "v2" })),
  streamLog: (tool) => drained(tool.streamLog({ id: 1 })),
  withConfig: (tool) => tool.withConfig({ tags: ["x"] }).invoke({ id: 1 }),
  withRetry: (tool) => tool.withRetry({ stopAfterAttempt: 1 }).invoke({ id: 1 }),
  withFallbacks: (tool) => tool.withFallbacks([tool]).invoke({ id: 1 }),
  pipe: (tool) => tool.pipe(RunnableLambda.from((given: unknown) => given)).invoke({ id: 1 }),
  "_call itself": (tool) => inner(tool, "_call")({ id: 1 }, undefined, {}),
  "func itself": (tool) => inner(tool, "func")({ id: 1 }, undefined, {}),
  ToolNode: (tool) =>
    new ToolNode([tool]).invoke({ messages: [new AIMessage({ content: "", tool_calls: [CALL] })] }),
  "ToolNode in a graph": (tool) =>
    new StateGraph(MessagesAnnotation)
      .addNode("tools", new ToolNode([tool]))
      .addEdge("__start__", "tools")
      .compile()
      .invoke({ messages: [new AIMessage({ content: "", tool_calls: [CALL] })] }),
  createAgent: (tool) => createAgent({ model: scripted(), tools: [tool] }).invoke({ messages: "go" }),
  createReactAgent: (tool) => createReactAgent({ llm: scripted(), tools: [tool] }).invoke({ messages: "go" }),
};

function scripted(): ScriptedChatModel {
  return new ScriptedChatModel({ calls: [{ name: "wipe", args: { id: 1 } }] }, { text: "done" });
}

/** The type hides it; JavaScript does not. */
function inner(tool: object, name: string): (...args: readonly unknown[]) => unknown {
  return Reflect.get(tool, name) as (...args: readonly unknown[]) => unknown;
}

async function drained(values: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** As a class of its own, with private members. */
class Wipe extends StructuredTool {
  override name = "wipe";
  override description = "Wipes.";
  override schema = z.object({ id: z.number() });
  readonly #runs: unknown[];
  constructor(runs: unknown[]) {
    super();
    this.#runs = runs;
  }
  protected override _call(args: { id: number }): Promise<string> {
    this.#runs.push(args);
    return Promise.resolve("wiped");
  }
}

async function outcomeOf(way: string, tool: object): Promise<string> {
  try {
    return JSON.stringify(await WAYS[way]?.(tool as DynamicStructuredTool));
  } catch (error) {
    if (!(error instanceof PolicyBlocked)) throw error;
    return "threw";
  }
}

describe("a guarded tool", () => {
  it.each(Object.keys(WAYS))("does not run by %s when it is denied", async (way) => {
    const { tool, runs } = countingTool("wipe");
    const plane = planeOf([DENY]);
    let decisions = 0;
    plane.on("decision", ({ decision }) => void (decisions += decision.effect === "block" ? 1 : 0));
    expect(await outcomeOf(way, guardTool(plane, identity, tool))).toMatch(/threw|error/);
    expect(runs).toEqual([]);
    expect(decisions).toBeGreaterThan(0);
  });

  it.each(Object.keys(WAYS))("gives by %s nothing that a policy redacts", async (way) => {
    const { tool, runs } = countingTool("wipe", () => "mail bob@example.com now");
    const guarded = guardTool(planeOf([NO_MAIL]), identity, tool);
    const seen = await outcomeOf(way, guarded);
    expect(runs).toHaveLength(1);
    expect(seen).toMatch(/mail/);
    expect(seen).not.toMatch(/bob|example\.com/);
  });

  it.each(Object.keys(WAYS).filter((way) => way !== "func itself"))(
    "of a class with private members runs by %s, once, and not when it is denied",
    async (way) => {
      const runs: unknown[] = [];
      await outcomeOf(way, guardTool(planeOf(), identity, new Wipe(runs)));
      expect(runs).toEqual([{ id: 1 }]);
      await outcomeOf(way, guardTool(planeOf([DENY]), identity, new Wipe(runs)));
      expect(runs).toHaveLength(1);
    },
  );

  it("tells callbacks what was judged", async () => {
    const told: string[] = [];
    const { tool } = countingTool("wipe", () => "mail bob@example.com now");
    const callbacks = [{ handleToolEnd: (output: unknown) => void told.push(JSON.stringify(output)) }];
    await guardTool(planeOf([NO_MAIL]), identity, tool).invoke(CALL, { callbacks });
    expect(told).toHaveLength(1);
    expect(told[0]).not.toMatch(/bob/);
  });

  it("tells nobody that a call starts which is denied", async () => {
    const told: string[] = [];
    const { tool } = countingTool("wipe");
    const callbacks = [{ handleToolStart: (_tool: unknown, input: string) => void told.push(input) }];
    await guardTool(planeOf([DENY]), identity, tool).invoke(CALL, { callbacks });
    await guardTool(planeOf(), identity, tool).invoke(CALL, { callbacks });
    expect(told).toHaveLength(1);
  });

  it("is refused to the model in words it can react to, and to code by an error", async () => {
    const guarded = guardTool(planeOf([DENY]), identity, countingTool("wipe").tool);
    const message: unknown = await guarded.invoke(CALL);
    expect(ToolMessage.isInstance(message) && message).toMatchObject({ status: "error", tool_call_id: "c1" });
    await expect(guarded.invoke({ id: 1 })).rejects.toBeInstanceOf(PolicyBlocked);
  });

  it("takes a text, as a DynamicTool does, and runs with what was decided", async () => {
    const given: unknown[] = [];
    const bare = new DynamicTool({
      name: "note",
      description: "Notes.",
      func: (text: string) => Promise.resolve(given.push(text)).then(() => "ok"),
    });
    const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] };
    expect(await guardTool(planeOf([policy]), identity, bare).invoke("bob@example.com")).toBe("ok");
    expect(given).toHaveLength(1);
    expect(given[0]).not.toMatch(/bob/);
  });

  it.each(["invoke", "stream", "batch", "withConfig"])(
    "that is a runnable does not run by %s when it is denied",
    async (way) => {
      let runs = 0;
      const like = RunnableLambda.from<{ id: number }, string>(() => `${++runs}`).asTool({
        name: "wipe",
        schema: z.object({ id: z.number() }),
      });
      await outcomeOf(way, guardTool(planeOf([DENY]), identity, like));
      expect(runs).toBe(0);
      await outcomeOf(way, guardTool(planeOf(), identity, like));
      expect(runs).toBe(1);
    },
  );

  it("stays what it was for its user", async () => {
    const { tool } = countingTool("wipe");
    const guarded = guardTool(planeOf(), identity, tool);
    expect(guarded).toBeInstanceOf(StructuredTool);
    expect([guarded.name, guarded.description]).toEqual([tool.name, tool.description]);
    expect(await tool.invoke({ id: 1 })).toBe("ok");
  });

  it("cannot be one that runs at the provider", () => {
    const plane: AgentPlane = planeOf();
    expect(() => guardTool(plane, identity, { type: "web_search" } as never)).toThrow(/guardModel/);
  });
});
