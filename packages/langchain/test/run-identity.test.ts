import { rule, type Policy } from "@agentplane/core";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const FROM_RUN = { agent: "a", fromRun: { tenant: "tenantId", user: "userId", session: "chatId" } };
const input = { messages: [{ role: "user", content: "go" }] };
const REQUIRE: Policy = { id: "t", blocking: [rule.requireTenant({})] };

/** An agent of `createAgent` with one tool, and who acted in each of its decisions. */
function agentOf(policies: readonly Policy[] = [REQUIRE]) {
  const plane = planeOf(policies, { identity: { trust: ["framework"] } });
  const identities: unknown[] = [];
  plane.on("decision", ({ identity }) => void identities.push(identity));
  const look = countingTool("look");
  const model = new ScriptedChatModel(
    { calls: [{ name: "look" }] },
    { text: "done" },
    { calls: [{ name: "look" }] },
    { text: "done" },
  );
  const agent = createAgent(govern(plane, FROM_RUN, { model, tools: [look.tool] }));
  return { agent, identities, look, model };
}

const ACME = { agent: "a", tenant: "acme", user: "mira", session: "c1" };
const members = { tenantId: "acme", userId: "mira", chatId: "c1" };

const WAYS: readonly [where: string, config: object][] = [
  ["in the context of the run", { context: members }],
  ["in its configurable", { configurable: members }],
  ["partly in each", { context: { tenantId: "acme" }, configurable: { userId: "mira", chatId: "c1" } }],
  [
    "in both, the context first",
    { context: members, configurable: { tenantId: "x", userId: "y", chatId: "z" } },
  ],
];

describe("who acts", () => {
  it.each(WAYS)("%s, is who acts in every decision of an invoked run", async (_, config) => {
    const { agent, identities, look } = agentOf();
    await agent.invoke(input, config);
    expect(look.runs).toHaveLength(1);
    // The run's beginning, two model calls and a tool call at least.
    expect(identities.length).toBeGreaterThanOrEqual(4);
    for (const identity of identities) expect(identity).toMatchObject(ACME);
  });

  it.each(WAYS)("%s, is who acts in every decision of a streamed run", async (_, config) => {
    const { agent, identities, look } = agentOf();
    for await (const part of await agent.stream(input, { ...config, streamMode: "updates" }))
      expect(part).toBeDefined();
    expect(look.runs).toHaveLength(1);
    expect(identities.length).toBeGreaterThanOrEqual(4);
    for (const identity of identities) expect(identity).toMatchObject(ACME);
  });
});

describe("two runs of one agent", () => {
  it("keep their tenants apart, also side by side", async () => {
    const limited: Policy = { id: "one", blocking: [rule.rate({ limit: 1, window: "1h", per: "tenant" })] };
    const { agent, identities } = agentOf([REQUIRE, limited]);
    await Promise.all(
      ["acme", "globex"].map((tenantId) => agent.invoke(input, { context: { ...members, tenantId } })),
    );
    const tenants = identities.map((one) => (one as { readonly tenant?: string }).tenant);
    expect(new Set(tenants)).toEqual(new Set(["acme", "globex"]));
  });

  it("do not inherit from each other: one without a tenant is blocked after one with", async () => {
    const { agent, model } = agentOf();
    await agent.invoke(input, { context: members });
    const asked = model.prompts.length;
    await agent.invoke(input, { context: { userId: "mira" } });
    expect(model.prompts).toHaveLength(asked);
  });
});
