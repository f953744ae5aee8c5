import { PolicyBlocked, rule, type Policy } from "@agentplane/core";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { createAgent, tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../../src/index.ts";
import { guardModel, usageMeter } from "../../src/langgraph.ts";
import { planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

const identity = { agent: "a" };
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ limit: 5_000, window: "1h", per: "agent" })],
};

function metered(policies: readonly Policy[]) {
  const plane = planeOf(policies);
  const usages: (number | undefined)[] = [];
  plane.on("outcome", ({ usage }) => void usages.push(usage?.outputTokens));
  return { plane, usages, callbacks: [usageMeter(plane, identity)] };
}

describe("the usage meter", () => {
  it("charges a call that nobody else governs with what the provider reports", async () => {
    const { usages, callbacks } = metered([BUDGET]);
    const model = new ScriptedChatModel({ text: "a summary" });
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("summary", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addEdge("__start__", "summary")
      .compile();
    await graph.invoke({ messages: [{ role: "user", content: "go" }] }, { callbacks });
    expect(usages).toHaveLength(1);
    expect(usages[0]).toBeGreaterThan(0);
  });

  it("does not let a call happen that no policy allows", async () => {
    const { callbacks } = metered([{ id: "none", blocking: [rule.condition({ where: { model: "*" } })] }]);
    const model = new ScriptedChatModel({ text: "a secret" });
    await expect(model.invoke("go", { callbacks })).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(model.stream("go", { callbacks }).then(read)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.prompts).toHaveLength(0);
  });

  it("rewrites a whole answer as policies say", async () => {
    const { callbacks } = metered([{ id: "pii", blocking: [rule.redact({ detect: ["email"] })] }]);
    const model = new ScriptedChatModel({ text: "mail bob@example.com" });
    expect((await model.invoke("go", { callbacks })).text).not.toMatch(/bob/);
  });

  it("reads from the run's metadata for whom it acts", async () => {
    const policy: Policy = { id: "t", blocking: [rule.requireTenant({})] };
    const plane = planeOf([policy], { identity: { trust: ["framework"] } });
    const tenants: unknown[] = [];
    plane.on("decision", (record) => void tenants.push(record.identity.tenant));
    const meter = usageMeter(plane, { agent: "a", fromRun: { tenant: "tenantId" } });
    const model = new ScriptedChatModel({ text: "bare" }, { text: "in a graph" });
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("summary", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addEdge("__start__", "summary")
      .compile();
    const config = { callbacks: [meter], metadata: { tenantId: "acme" } };
    await model.invoke("go", config);
    await graph.invoke({ messages: [{ role: "user", content: "go" }] }, config);
    await expect(model.invoke("go", { callbacks: [meter] })).rejects.toBeInstanceOf(PolicyBlocked);
    expect(tenants).toEqual(["acme", "acme", undefined]);
  });

  it("gives back what a failed call had reserved", async () => {
    const { usages, callbacks } = metered([BUDGET]);
    const model = new ScriptedChatModel({ error: new Error("down") }, { text: "ok" });
    await expect(model.invoke("go", { callbacks })).rejects.toThrow("down");
    await model.invoke("go", { callbacks });
    expect(usages.filter((tokens) => tokens !== undefined)).toHaveLength(1);
  });

  it("leaves a guarded model, and an agent under govern, to themselves: each call is charged once", async () => {
    const { plane, usages, callbacks } = metered([]);
    await guardModel(plane, identity, new ScriptedChatModel({ text: "one" })).invoke("go", { callbacks });
    expect(usages).toHaveLength(1);
    const agent = createAgent(
      govern(plane, identity, { model: new ScriptedChatModel({ text: "two" }), tools: [] }),
    );
    await agent.invoke({ messages: "go" }, { callbacks });
    // The end of the agent's run is an outcome, too, and uses nothing.
    expect(usages).toEqual([12, 12, undefined]);
  });

  it("decides each call of those that an application gives one id", async () => {
    const { plane, callbacks } = metered([]);
    const decisions: unknown[] = [];
    plane.on("decision", ({ decision }) => void decisions.push(decision.effect));
    const model = new ScriptedChatModel();
    const runId = "01890a5d-ac96-774b-bcce-b302099a8057";
    const ask = (): Promise<unknown> => model.invoke("go", { runId, callbacks });
    await Promise.all([ask(), ask()]);
    await model.invoke("go", { runId, callbacks: [usageMeter(plane, identity)] });
    expect(decisions).toEqual(["allow", "allow", "allow"]);
  });

  it("charges a call once that a tool of a governed agent makes with a meter of its own", async () => {
    const plane = planeOf();
    const charged: unknown[] = [];
    plane.on("outcome", ({ identity: { agent }, usage }) => void (usage && charged.push(agent)));
    const callbacks = [usageMeter(plane, { agent: "inner" }), usageMeter(plane, { agent: "another" })];
    const summarize = tool(async () => (await new ScriptedChatModel().invoke("go", { callbacks })).text, {
      name: "summarize",
      description: "Summarizes.",
      schema: z.object({}),
    });
    const model = new ScriptedChatModel({ calls: [{ name: "summarize" }] }, { text: "done" });
    await createAgent(govern(plane, identity, { model, tools: [summarize] })).invoke({ messages: "go" });
    expect(charged).toEqual(["a", "inner", "a"]);
  });
});

async function read(values: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const value of values) count += value === undefined ? 0 : 1;
  return count;
}
