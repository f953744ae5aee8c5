import { rule, type OutcomeRecord, type Policy } from "@agentplane/core";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { PROVIDERS } from "./provider-models.ts";
import { completionEvents, messageEvents, startProvider, type ServerEvent } from "./provider-server.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const MAX_OUTPUT = 500;
const BUDGET: Policy = {
  id: "b",
  blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h", maxOutput: MAX_OUTPUT })],
};
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };

/** What an agent's streamed answer is charged. */
async function charged(
  model: (url: string) => BaseChatModel,
  events: readonly ServerEvent[],
  policies: readonly Policy[],
) {
  const server = await startProvider(events);
  onTestFinished(() => server.close());
  const plane = planeOf([BUDGET, ...policies]);
  const outcomes: OutcomeRecord[] = [];
  plane.on("outcome", (record) => void (record.model !== undefined && outcomes.push(record)));
  const agent = createAgent(govern(plane, { agent: "a" }, { model: model(server.url), tools: [] }));
  for await (const _ of await agent.stream(input, { streamMode: "messages" }));
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  return { request: server.requests[0], outcome: outcomes[0], state };
}

const openAI =
  (streamUsage: boolean) =>
  (url: string): ChatOpenAI =>
    new ChatOpenAI({
      model: "gpt-test",
      apiKey: "none",
      maxRetries: 0,
      useResponsesApi: false,
      streamUsage,
      configuration: { baseURL: `${url}/v1` },
    });

/** The same stream without the chunk that a provider sends where it is asked for usage. */
const withoutUsage = (events: readonly ServerEvent[]): readonly ServerEvent[] =>
  events.filter(({ data }) => !JSON.stringify(data).includes('"usage"'));

describe.each([
  ["as it comes", []],
  ["held back", [REDACT]],
])("the usage of a stream that is shown %s", (_, policies) => {
  it("is estimated and flagged where the provider is not asked for it", async () => {
    const events = completionEvents("an answer ", "of some ", "words");
    const silent = await charged(openAI(false), withoutUsage(events), policies);
    expect(silent.request).not.toHaveProperty("stream_options");
    expect(silent.outcome).toMatchObject({ isEstimated: true });
    // What was reserved: the prompt by its length, and all of the output that was allowed.
    expect(silent.state).toMatchObject({ held: 0 });
    expect(silent.state?.used).toBeGreaterThan(MAX_OUTPUT);
    const told = await charged(openAI(true), events, policies);
    expect(told.request).toMatchObject({ stream_options: { include_usage: true } });
    expect(told.outcome?.isEstimated ?? false).toBe(false);
    expect(told.state).toMatchObject({ used: 29, held: 0 });
  });

  it("is the sum of what comes in two chunks", async () => {
    const events = messageEvents("words").map(({ name = "", data }) => ({
      name,
      data: JSON.parse(
        JSON.stringify(data)
          .replace('"input_tokens":20,"output_tokens":0', '"input_tokens":7,"output_tokens":1')
          .replace('"output_tokens":9', '"output_tokens":4'),
      ) as unknown,
    }));
    expect(JSON.stringify(events)).toContain('"output_tokens":4');
    const { outcome, state } = await charged(PROVIDERS[2]!.model, events, policies);
    expect(outcome?.usage).toMatchObject({ inputTokens: 7, outputTokens: 5 });
    expect(state).toMatchObject({ used: 12, held: 0 });
  });
});
