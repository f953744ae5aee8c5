import { rule, type Policy } from "@agentplane/core";
import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { PROVIDERS, type ProviderKind } from "./provider-models.ts";
import { startProvider } from "./provider-server.ts";

const BUDGET: Policy = {
  id: "b",
  blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h", maxOutput: 77 })],
};
const REDACT: Policy = {
  id: "r",
  blocking: [rule.redact({ detect: ["email"], from: ["response", "prompt"] })],
};
const input = { messages: [{ role: "user", content: "I am ann@example.com" }] };

async function governed(kind: ProviderKind, policies: readonly Policy[], maxTokens?: number) {
  const server = await startProvider(kind.events("mail bob@exa", "mple.com ", "now"));
  onTestFinished(() => server.close());
  const plane = planeOf(policies);
  const model = kind.model(server.url, maxTokens);
  const tools = [countingTool("read").tool];
  return { server, plane, model, agent: createAgent(govern(plane, { agent: "a" }, { model, tools })) };
}

describe.each(PROVIDERS)("$name against a loopback server", (kind) => {
  it("is asked for no more output than was reserved, and stays as it is", async () => {
    const { agent, server, model } = await governed(kind, [BUDGET], 1_000);
    for await (const part of await agent.stream(input, { streamMode: "messages" }))
      expect(part).toBeDefined();
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ [kind.limit]: 77 });
    expect(JSON.stringify(server.requests[0])).toContain('"read"');
    expect(model.maxTokens).toBe(1_000);
  });

  it("keeps a limit of its own that is smaller", async () => {
    const { agent, server } = await governed(kind, [BUDGET], 50);
    for await (const part of await agent.stream(input, { streamMode: "messages" }))
      expect(part).toBeDefined();
    expect(server.requests[0]).toMatchObject({ [kind.limit]: 50 });
  });

  it("is charged what the stream reports", async () => {
    const { agent, plane } = await governed(kind, [BUDGET]);
    for await (const part of await agent.stream(input, { streamMode: "messages" }))
      expect(part).toBeDefined();
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
    expect(state).toMatchObject({ used: 29, held: 0 });
  });

  it("gets a redacted prompt and streams nothing unredacted", async () => {
    const { agent, server } = await governed(kind, [REDACT]);
    const shown: unknown[] = [];
    for await (const part of await agent.stream(input, { streamMode: ["messages", "updates", "values"] }))
      shown.push(part);
    // What the caller sent stays in the state as it was.
    const text = JSON.stringify(shown).replaceAll("ann@example.com", "");
    expect(JSON.stringify(server.requests)).not.toContain("ann@example.com");
    expect(text).toContain(" now");
    expect(text).not.toMatch(/bob@exa|mple\.com/);
  });
});
