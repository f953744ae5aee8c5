import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { createAgent } from "langchain";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { govern } from "../src/index.ts";
import { guardModel, usageMeter } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";
import { ScriptedTextModel } from "./scripted-text-model.ts";

const identity = { agent: "a" };
const input = { messages: [{ role: "user", content: "go" }] };
const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h" })] };
const WITHHELD: Policy = {
  id: "w",
  blocking: [rule.condition({ where: { hookpoint: "after_model_call" }, reason: "not shown" })],
};
/** What an answer of a scripted model takes. */
const USED = 42;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

/** The places at which a model may be asked, each once. */
const PLACES: Readonly<Record<string, (plane: AgentPlane, model: ScriptedChatModel) => Promise<unknown>>> = {
  "the model of an agent": (plane, model) =>
    createAgent(govern(plane, identity, { model, tools: [] })).invoke(input),
  "the model of an agent that streams": async (plane, model) => {
    const agent = createAgent(govern(plane, identity, { model, tools: [] }));
    for await (const _ of await agent.stream(input, { streamMode: "messages" }));
  },
  "the model of an agent that somebody listens to": (plane, model) =>
    createAgent(govern(plane, identity, { model, tools: [] })).invoke(input, {
      callbacks: [{ handleLLMEnd: () => undefined }],
    }),
  "a guarded model": (plane, model) => guardModel(plane, identity, model).invoke("go"),
  "a guarded model that streams": async (plane, model) => {
    for await (const _ of await guardModel(plane, identity, model).stream("go"));
  },
  "a model beside a meter": (plane, model) =>
    model.invoke("go", { callbacks: [usageMeter(plane, identity)] }),
};

it.each(Object.entries(PLACES))("%s is charged once for an answer that is withheld", async (_, ask) => {
  const plane = planeOf([BUDGET, WITHHELD]);
  const outcomes: unknown[] = [];
  plane.on("outcome", ({ model, usage }) => void (model !== undefined && outcomes.push(usage)));
  const model = new ScriptedChatModel({ text: "the key is 4711" });
  await ask(plane, model).catch(() => undefined);
  expect(model.prompts).toHaveLength(1);
  expect(outcomes).toEqual([expect.objectContaining({ inputTokens: 30, outputTokens: 12 })]);
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  expect(state).toMatchObject({ used: USED, held: 0 });
});

it("a model inside a tool is charged once for an answer that is withheld, and its agent goes on", async () => {
  const inner: Policy = {
    id: "w",
    blocking: [
      rule.condition({
        where: { hookpoint: "after_model_call", model: "scripted-text-*" },
        reason: "not shown",
      }),
    ],
  };
  const plane = planeOf([BUDGET, inner]);
  const asked = new ScriptedTextModel("the key is 4711");
  const ask = countingTool("ask", async () => asked.invoke("go").catch(() => "withheld"));
  const model = new ScriptedChatModel({ calls: [{ name: "ask" }] }, { text: "done" });
  await createAgent(govern(plane, identity, { model, tools: [ask.tool] })).invoke(input);
  expect(asked.prompts).toHaveLength(1);
  expect(JSON.stringify(model.prompts)).toContain("withheld");
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  expect(state).toMatchObject({ used: 3 * USED, held: 0 });
});
