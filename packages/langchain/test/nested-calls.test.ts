import { ConfigError, rule, type AgentPlane, type DecisionRecord, type Policy } from "@agentplane/core";
import type { ClientTool } from "@langchain/core/tools";
import { createAgent, createMiddleware, type AnyAgentMiddleware } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { govern, type GovernOptions } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel, type Turn } from "./scripted-chat-model.ts";

const identity = { agent: "a" };
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 1_000_000, window: "1h", per: "agent" })],
};
const input = { messages: [{ role: "user", content: "a question that is long enough to be shortened" }] };

interface Parts {
  readonly plane: AgentPlane;
  readonly model: ScriptedChatModel;
  readonly tools?: readonly ClientTool[];
  readonly middleware?: readonly AnyAgentMiddleware[];
  readonly options?: GovernOptions;
}

function agentOf({ plane, model, tools = [], middleware = [], options }: Parts) {
  return createAgent(govern(plane, identity, { model, tools: [...tools], middleware }, options));
}

/** Decisions and outcomes about calls of one kind, as they are recorded. */
function recorded(plane: AgentPlane) {
  const decisions: DecisionRecord[] = [];
  const used: number[] = [];
  plane.on("decision", (record) => void decisions.push(record));
  plane.on(
    "outcome",
    ({ usage }) => void (usage?.outputTokens !== undefined && used.push(usage.outputTokens)),
  );
  return { decisions, used, tools: () => decisions.flatMap(({ tool }) => tool ?? []) };
}

/** A tool in which another agent works, governed or not. */
function agentTool(agent: {
  invoke(given: typeof input): Promise<{ messages: readonly { text: string }[] }>;
}) {
  return countingTool("ask_agent", async () => (await agent.invoke(input)).messages.at(-1)?.text).tool;
}

const asksAgent = (): ScriptedChatModel =>
  new ScriptedChatModel({ calls: [{ name: "ask_agent" }] }, { text: "done" });

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text: unknown) => void warnings.push(String(text)));
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

describe("an agent inside a tool that is not governed itself", () => {
  const subagent = (tool: ClientTool, ...turns: readonly Turn[]) =>
    createAgent({ name: "sub", model: new ScriptedChatModel(...turns), tools: [tool] });

  it("is charged for each call of its model, and each call of its tools is decided", async () => {
    const plane = planeOf([BUDGET]);
    const records = recorded(plane);
    const inner = countingTool("read");
    const sub = subagent(inner.tool, { calls: [{ name: "read" }] }, { text: "read it" });
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(inner.runs).toHaveLength(1);
    expect(records.used).toHaveLength(4);
    expect(records.tools()).toStrictEqual(["ask_agent", "read"]);
    expect(records.decisions.every((record) => record.identity.agent === "a")).toBe(true);
  });

  it("gets no tool to run that is denied, and reads why", async () => {
    const plane = planeOf([{ id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] }]);
    const inner = countingTool("wipe");
    const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "could not" });
    const sub = createAgent({ name: "sub", model, tools: [inner.tool] });
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(inner.runs).toHaveLength(0);
    expect(JSON.stringify(model.prompts.at(-1))).toContain("must not be used here");
  });

  it("is decided with the arguments of the call", async () => {
    const large = rule.condition({ where: { tool: "refund", input: { amount: { gt: 100 } } } });
    const plane = planeOf([{ id: "large", blocking: [large] }]);
    const inner = countingTool("refund");
    const calls = [
      { name: "refund", args: { amount: 500 } },
      { name: "refund", args: { amount: 5 } },
    ];
    const sub = subagent(inner.tool, { calls }, { text: "done" });
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(inner.runs).toStrictEqual([{ amount: 5 }]);
  });

  it("gets a result of its tools as policies leave it", async () => {
    const plane = planeOf([{ id: "r", blocking: [rule.redact({ detect: ["email"] })] }]);
    const inner = countingTool("read", () => "mail bob@example.com");
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    const sub = createAgent({ name: "sub", model, tools: [inner.tool] });
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(JSON.stringify(model.prompts)).not.toContain("bob@example.com");
  });

  it("cannot ask a human, and so does not run what needs one", async () => {
    const ask = rule.condition({ where: { tool: "wipe" }, then: "escalate", reason: "needs a person" });
    const plane = planeOf([{ id: "ask", blocking: [ask] }], { approvals: { resolver: "external" } });
    const inner = countingTool("wipe");
    const sub = subagent(inner.tool, { calls: [{ name: "wipe" }] }, { text: "done" });
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(inner.runs).toHaveLength(0);
  });

  it("is named once to whoever runs the process", async () => {
    const plane = planeOf([]);
    const inner = countingTool("named_once");
    const run = async () => {
      const sub = subagent(inner.tool, { calls: [{ name: "named_once" }] }, { text: "done" });
      await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    };
    await run();
    await run();
    const told = warnings.filter((text) => text.includes("named_once"));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/agent "sub" inside "a".*govern\(\)/);
  });

  it("has its tools left alone where only charging was asked for", async () => {
    const plane = planeOf([BUDGET, { id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] }]);
    const records = recorded(plane);
    const inner = countingTool("wipe");
    const sub = subagent(inner.tool, { calls: [{ name: "wipe" }] }, { text: "done" });
    const options = { nested: "charge" } as const;
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)], options }).invoke(input);
    expect(inner.runs).toHaveLength(1);
    expect(records.used).toHaveLength(4);
    expect(warnings.some((text) => text.includes("is not governed"))).toBe(true);
  });
});

describe("an agent inside a tool that is governed itself", () => {
  it("is decided and charged by its own, once", async () => {
    const plane = planeOf([BUDGET]);
    const records = recorded(plane);
    const inner = countingTool("read");
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "read it" });
    const sub = createAgent(govern(plane, { agent: "sub" }, { model, tools: [inner.tool] }));
    await agentOf({ plane, model: asksAgent(), tools: [agentTool(sub)] }).invoke(input);
    expect(records.used).toHaveLength(4);
    expect(records.tools()).toStrictEqual(["ask_agent", "read"]);
    expect(records.decisions.find(({ tool }) => tool === "read")?.identity.agent).toBe("sub");
    expect(warnings).toStrictEqual([]);
  });

  it("is known to act inside the other, for the same tenant", async () => {
    const plane = planeOf();
    const { decisions } = recorded(plane);
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "read it" });
    const tools = [countingTool("read").tool];
    const sub = createAgent(govern(plane, { agent: "sub" }, { model, tools }));
    const outer = { agent: "a", tenant: "acme" };
    const params = { model: asksAgent(), tools: [agentTool(sub)] };
    await createAgent(govern(plane, outer, params)).invoke(input);
    const inner = decisions.filter(({ identity: { agent } }) => agent === "sub");
    expect(inner.map(({ decision }) => decision.hookpoint)).toContain("before_tool_call");
    for (const { identity: who } of inner) expect(who).toMatchObject({ tenant: "acme", ancestors: ["a"] });
  });
});

it("a tool that other middleware runs by itself is decided", async () => {
  const plane = planeOf([{ id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] }]);
  const wipe = countingTool("wipe");
  const around = createMiddleware({
    name: "around",
    wrapToolCall: async ({ toolCall }) => wipe.tool.invoke({ ...toolCall, type: "tool_call" }) as never,
  });
  const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "done" });
  await agentOf({ plane, model, tools: [wipe.tool], middleware: [around] })
    .invoke(input)
    .catch(() => undefined);
  expect(wipe.runs).toHaveLength(0);
});

it.each([
  [{ nested: "goven" }, 'nested: "goven" is not a choice'],
  [{ nestd: "govern" }, "nestd: unknown option"],
])("refuses the options %j", (options, message) => {
  const make = (): unknown =>
    govern(planeOf(), identity, { model: new ScriptedChatModel() }, options as GovernOptions);
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(message);
});
