import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import type { BaseMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import { AIMessage } from "@langchain/core/messages";
import { createAgent, llmToolSelectorMiddleware, type AnyAgentMiddleware } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { govern } from "../src/index.ts";
import { guardModel } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h" })] };
const input = { messages: [{ role: "user", content: "go" }] };

/** Selects the tool `read` where it is asked for a selection. */
class SelectingModel extends ScriptedChatModel {
  selections = 0;

  override withStructuredOutput(): never {
    const asked = async (messages: BaseMessage[], config: object): Promise<object> => {
      this.selections++;
      await this.invoke(messages, config);
      return { tools: ["read"] };
    };
    // What the selector does with it.
    return { invoke: asked } as never;
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const message = Object.assign(new AIMessage("done"), {
      usage_metadata: { input_tokens: 30, output_tokens: 12, total_tokens: 42 },
    });
    this.prompts.push(messages);
    return { generations: [{ text: "done", message }] };
  }
}

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text: unknown) => void warnings.push(String(text)));
});
afterEach(() => void vi.restoreAllMocks());

async function used(
  policies: readonly Policy[],
  model: SelectingModel,
  selector: (plane: AgentPlane) => object,
) {
  const plane = planeOf(policies);
  const tools = [countingTool("read").tool, countingTool("write").tool];
  // langchain's own types do not fit each other where optional members are exact.
  const middleware: readonly AnyAgentMiddleware[] = [
    llmToolSelectorMiddleware(selector(plane) as never) as never,
  ];
  const params = { model, tools, middleware };
  const ran = createAgent(govern(plane, { agent: "a" }, params)).invoke(input);
  const error: unknown = await ran.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  return { used: state?.used, error };
}

describe("llmToolSelectorMiddleware, whose call inherits no callbacks", () => {
  it("is charged where it asks the agent's model", async () => {
    const model = new SelectingModel();
    expect(await used([BUDGET], model, () => ({ maxTools: 1 }))).toEqual({ used: 84, error: undefined });
    expect(model.selections).toBe(1);
    expect(warnings).toEqual([]);
  });

  it("does not ask a model that may not be asked", async () => {
    const model = new SelectingModel();
    const deny: Policy = {
      id: "d",
      blocking: [rule.condition({ where: { model: "scripted-1" }, reason: "no" })],
    };
    expect(await used([BUDGET, deny], model, () => ({ maxTools: 1 }))).toMatchObject({ used: 0 });
    expect(model.selections).toBe(1);
    expect(model.prompts).toEqual([]);
  });

  it("is charged where it asks a model that nobody governs", async () => {
    const other = new SelectingModel();
    const asked = await used([BUDGET], new SelectingModel(), () => ({ model: other }));
    expect(other.selections).toBe(1);
    expect(asked).toEqual({ used: 84, error: undefined });
  });

  it("is charged once where its own model is guarded", async () => {
    const other = new SelectingModel();
    const guarded = (plane: AgentPlane) => ({
      model: guardModel(plane, { agent: "a" }, other),
    });
    expect(await used([BUDGET], new SelectingModel(), guarded)).toEqual({ used: 84, error: undefined });
    expect(warnings).toEqual([]);
  });
});

describe("an agent inside a tool that nobody governs", () => {
  const asking = (name: string, isGoverned: boolean, plane = planeOf()) => {
    const params = { model: new ScriptedChatModel({ text: "hello" }), tools: [], name };
    const inner = createAgent(isGoverned ? govern(plane, { agent: "inner" }, params) : params);
    const ask = countingTool("ask", async () => (await inner.invoke(input)).messages.at(-1)?.text).tool;
    const model = new ScriptedChatModel({ calls: [{ name: "ask" }] }, { text: "done" });
    return createAgent(govern(plane, { agent: "outer" }, { model, tools: [ask] }));
  };

  it("is named once, also where it calls no tool", async () => {
    const agent = asking("silent", false);
    await agent.invoke(input);
    await asking("silent", false).invoke(input);
    expect(warnings).toEqual([
      expect.stringMatching(/model .* of agent "silent" inside "outer".*govern\(\)/),
    ]);
  });

  it("is not named where it is under govern", async () => {
    await asking("spoken for", true).invoke(input);
    expect(warnings).toEqual([]);
  });
});
