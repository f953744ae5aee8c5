import { rule, type AgentPlane, type DecisionRecord, type Policy } from "@agentplane/core";
import type { ClientTool } from "@langchain/core/tools";
import {
  createAgent,
  createMiddleware,
  llmToolSelectorMiddleware,
  summarizationMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { govern, type GovernOptions } from "../src/index.ts";
import { guardModel, usageMeter } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

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

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text: unknown) => void warnings.push(String(text)));
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

describe("a model that other middleware asks on its own", () => {
  // langchain's own types do not fit each other where optional members are exact.
  const summary = (model: ScriptedChatModel): AnyAgentMiddleware =>
    summarizationMiddleware({ model, trigger: { messages: 1 }, keep: { messages: 1 } } as never) as never;
  const history = {
    messages: [
      { role: "user", content: "first" },
      { role: "assistant", content: "an answer" },
      { role: "user", content: "second" },
    ],
  };

  it("is charged when it summarises", async () => {
    const plane = planeOf([BUDGET]);
    const { used } = recorded(plane);
    const [model, other] = [
      new ScriptedChatModel({ text: "done" }),
      new ScriptedChatModel({ text: "short" }),
    ];
    await agentOf({ plane, model, middleware: [summary(other)] }).invoke(history);
    expect(other.prompts).toHaveLength(1);
    expect(used).toHaveLength(2);
    const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", agent: "a" });
    expect(state?.held).toBe(0);
    expect(state?.used).toBeGreaterThan(used[0] ?? 0);
  });

  it("is charged when it selects tools, where it is a guarded model: callbacks are cut off there", async () => {
    const plane = planeOf([BUDGET]);
    const { used } = recorded(plane);
    const selector = new ScriptedChatModel({ calls: [{ name: "extract", args: { tools: ["read"] } }] });
    const model = guardModel(plane, identity, selector);
    // As above.
    const middleware = [llmToolSelectorMiddleware({ model, maxTools: 1 } as never) as never];
    const tools = [countingTool("read").tool, countingTool("write").tool];
    // Structured output wants chunks, which the scripted model does not give: it has been charged before that.
    await agentOf({ plane, model: new ScriptedChatModel({ text: "done" }), tools, middleware })
      .invoke(input)
      .catch(() => undefined);
    expect(selector.prompts).toHaveLength(1);
    expect(used).toStrictEqual([12]);
  });

  it("is not asked when no policy allows it", async () => {
    const deny = rule.condition({ where: { model: "*" } });
    const plane = planeOf([{ id: "none", blocking: [deny] }]);
    const other = new ScriptedChatModel({ text: "short" });
    await agentOf({ plane, model: new ScriptedChatModel({ text: "done" }), middleware: [summary(other)] })
      .invoke(history)
      .catch(() => undefined);
    expect(other.prompts).toHaveLength(0);
  });

  it("is charged once when its answer stands for the agent's", async () => {
    const plane = planeOf([BUDGET]);
    const other = new ScriptedChatModel({ text: "instead" });
    const instead = createMiddleware({
      name: "instead",
      wrapModelCall: async ({ messages }) => other.invoke(messages),
    });
    const { used } = recorded(plane);
    await agentOf({ plane, model: new ScriptedChatModel(), middleware: [instead] }).invoke(input);
    expect(used.filter((tokens) => tokens > 0)).toHaveLength(1);
  });

  it("is charged once beside a usage meter of the application", async () => {
    const plane = planeOf([BUDGET]);
    const { used } = recorded(plane);
    const other = new ScriptedChatModel({ text: "short" });
    const agent = agentOf({
      plane,
      model: new ScriptedChatModel({ text: "done" }),
      middleware: [summary(other)],
    });
    await agent.invoke(history, { callbacks: [usageMeter(plane, identity)] });
    expect(used).toHaveLength(2);
  });
});
