import { memoryState, rule, type Usage } from "@agentplane/core";
import { APIConnectionError, APIUserAbortError, BadRequestError, RateLimitError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isPolicyError } from "../src/index.ts";
import { createLatch, governedClient, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, USAGE } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const chat = { model: MODEL, messages: MESSAGES };
const BUDGET = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })],
};
const ASK = {
  id: "ask",
  selector: { hookpoints: ["before_model_call"] },
  blocking: [rule.condition({ where: { model: MODEL }, then: "escalate" })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

describe("limits", () => {
  test.each([
    ["rate limit", rule.rate({ limit: 1, window: "1m", per: "agent" })],
    ["token budget", rule.tokenBudget({ maxTokens: 60, maxOutput: 50, window: "1m", per: "tenant" })],
    ["cost budget", rule.costBudget({ maxUsd: 0.00006, maxOutput: 50, window: "1m", per: "tenant" })],
  ])(
    "a %s is the SDK's own RateLimitError in one attempt, and says when to come back",
    async (_name, limit) => {
      const policy = {
        id: "slow",
        selector: { hookpoints: ["before_model_call" as const] },
        blocking: [limit],
      };
      // A dollar for a million tokens.
      const costMicroUsd = (_model: unknown, usage: Usage) =>
        (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
      const { client, plane } = governedClient(provider, { policies: [policy], prices: { costMicroUsd } });
      provider.reset(chatReply("hi"));
      // A header of the caller's own says nothing about attempts.
      const how = { headers: { "X-Stainless-Retry-Count": "1" } };
      await client.chat.completions.create({ ...chat, max_tokens: 40 }, how);
      const error = await rejected(client.chat.completions.create({ ...chat, max_tokens: 40 }, how));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error).toMatchObject({ status: 429, code: "agentplane_blocked" });
      expect(Number((error as RateLimitError).headers?.get("retry-after"))).toBeGreaterThan(50);
      expect(provider.seen).toHaveLength(1);
      await plane.close();
    },
  );

  test("retries of the SDK are charged once: an attempt that failed before an answer gives its hold back", async () => {
    const { client, plane } = governedClient(provider, { policies: [BUDGET] });
    provider.reset(
      { hangUp: true },
      { status: 500, json: { error: {} }, headers: { "retry-after-ms": "1" } },
      chatReply("hi"),
    );
    await client.chat.completions.create(chat);
    expect(provider.seen).toHaveLength(3);
    const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
    expect(state).toMatchObject({ used: USAGE.total_tokens, held: 0 });
    await plane.close();
  });

  test("a withheld answer is paid for", async () => {
    const policy = { id: "silent", blocking: [rule.secretScan({})] };
    const { client, plane } = governedClient(provider, { policies: [BUDGET, policy] });
    provider.reset(chatReply("the key is ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8, keep it"));
    const error = await rejected(client.chat.completions.create(chat));
    expect(isPolicyError(error)).toBe(true);
    const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
    expect(state).toMatchObject({ used: USAGE.total_tokens, held: 0 });
    await plane.close();
  });

  test("the request is limited to the output that was reserved", async () => {
    const policy = {
      id: "short",
      blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant", maxOutput: 50 })],
    };
    const { client, plane } = governedClient(provider, { policies: [policy] });
    provider.reset(chatReply("hi"));
    await client.chat.completions.create(chat);
    expect(provider.last.json["max_completion_tokens"]).toBe(50);
    await client.chat.completions.create({ ...chat, max_tokens: 900 });
    expect(provider.last.json).toMatchObject({ max_tokens: 50 });
    expect(provider.last.json).not.toHaveProperty("max_completion_tokens");
    await client.responses.create({ model: MODEL, input: "hello" });
    expect(provider.last.json["max_output_tokens"]).toBe(50);
    await plane.close();
  });

  test.each<[string, object, object]>([
    ["several choices", { n: 5, max_tokens: 900 }, { max_tokens: 10 }],
    ["several choices, by a text", { n: "5" }, { max_completion_tokens: 10 }],
    [
      "two limits",
      { max_tokens: 9, max_completion_tokens: 900 },
      { max_tokens: 9, max_completion_tokens: 50 },
    ],
  ])("what was reserved is for all of a request with %s", async (_name, members, expected) => {
    const limit = rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant", maxOutput: 50 });
    const { client, plane } = governedClient(provider, { policies: [{ id: "short", blocking: [limit] }] });
    provider.reset(chatReply("hi"));
    await client.post("/chat/completions", { body: { ...chat, ...members } });
    expect(provider.last.json).toMatchObject(expected);
    await plane.close();
  });

  test("a request for more texts than the budget has room for is refused before it is sent", async () => {
    const limit = rule.tokenBudget({ maxTokens: 300, window: "1h", per: "tenant", maxOutput: 1_000 });
    const { client, plane } = governedClient(provider, { policies: [{ id: "small", blocking: [limit] }] });
    provider.reset(chatReply("hi"));
    const asked = { model: MODEL, prompt: ["one", "two"], max_tokens: 40 };
    await client.post("/completions", { body: asked });
    for (const more of [{ n: 2 }, { best_of: 9 }, { prompt: Array.from({ length: 9 }, () => "one") }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await rejected(client.post("/completions", { body: { ...asked, ...more, n: 4 } }));
      expect(isPolicyError(error)).toBe(true);
    }
    expect(provider.seen).toHaveLength(1);
    await plane.close();
  });
});

describe("errors of the provider", () => {
  test("stay the SDK's own, with their text redacted where a policy asks", async () => {
    const { client, plane } = governedClient(provider, {
      policies: [{ id: "p", blocking: [rule.redact({ detect: ["email"] })] }],
    });
    provider.reset({
      status: 400,
      json: { error: { message: "no such user mira@example.com", type: "invalid_request_error", code: "x" } },
    });
    const error = await rejected(client.chat.completions.create(chat));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(JSON.stringify(error) + String(error)).not.toContain("example.com");
    expect(isPolicyError(error)).toBe(false);
    await plane.close();
  });

  test("a connection that breaks, and a caller who gives up, are told as without us", async () => {
    const { client, plane } = governedClient(provider);
    provider.reset({ hangUp: true });
    const broken = await rejected(client.chat.completions.create(chat, { maxRetries: 0 }));
    expect(broken).toBeInstanceOf(APIConnectionError);
    const stop = new AbortController();
    stop.abort();
    expect(await rejected(client.chat.completions.create(chat, { signal: stop.signal }))).toBeInstanceOf(
      APIUserAbortError,
    );
    await plane.close();
  });
});

describe("approvals", () => {
  const resolver = { approvals: { resolver: "external" as const } };

  test("without waiting, the refusal names the approval; asked again after it was given, the same request goes on once", async () => {
    const { client, plane } = governedClient(provider, { policies: [ASK], ...resolver });
    provider.reset(chatReply("hi"));
    const error = await rejected(client.chat.completions.create(chat));
    expect(isPolicyError(error)).toBe(true);
    const [pending] = await plane.approvals.list({ status: "pending" });
    expect(error).toMatchObject({ error: { approval_id: pending?.id } });
    await rejected(client.chat.completions.create(chat));
    expect(await plane.approvals.list({ status: "pending" })).toHaveLength(1);
    await plane.approvals.approve(pending?.id ?? "", { by: "olga", role: "operator" });
    await client.chat.completions.create(chat);
    expect(provider.seen).toHaveLength(1);
    expect(isPolicyError(await rejected(client.chat.completions.create(chat)))).toBe(true);
    await plane.close();
  });

  test("of a request that needs no human nothing is remembered", async () => {
    const state = memoryState();
    const { client, plane } = governedClient(provider, { ...resolver, state });
    provider.reset(chatReply("hi"));
    await client.chat.completions.create(chat);
    await client.chat.completions.create(chat);
    expect(provider.seen).toHaveLength(2);
    expect(state.admissions.size).toBe(0);
    await plane.close();
  });

  test("waiting lasts until it is answered, and is one request to humans and one to the provider", async () => {
    const { client, plane } = governedClient(
      provider,
      { policies: [ASK], ...resolver },
      { approvalWaitMs: 30_000 },
    );
    provider.reset(chatReply("hi"));
    plane.approvals.subscribe(({ id, status }) => {
      if (status === "pending")
        queueMicrotask(() => void plane.approvals.approve(id, { by: "olga", role: "operator" }));
    });
    const answer = await client.chat.completions.create(chat);
    expect(answer.choices[0]?.message.content).toBe("hi");
    expect(provider.seen).toHaveLength(1);
    expect(await plane.approvals.list()).toHaveLength(1);
    await plane.close();
  });

  test.each([
    // Of an SDK that does not say how long it waits.
    ["asks nobody again", { timeout: 100, headers: { "X-Stainless-Timeout": null } }, {}],
    ["does not come: the wait ends before it", { timeout: 1_000, maxRetries: 0 }, { status: 403 }],
  ] as const)("a timeout of the SDK while a human is awaited %s", async (_name, how, expected) => {
    const options = { policies: [ASK], ...resolver };
    const { client, plane } = governedClient(provider, options, { approvalWaitMs: 30_000 });
    provider.reset(chatReply("hi"));
    expect(await rejected(client.chat.completions.create(chat, how))).toMatchObject(expected);
    expect(await plane.approvals.list()).toHaveLength(1);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("a caller who gives up ends the wait", async () => {
    const { client, plane } = governedClient(
      provider,
      { policies: [ASK], ...resolver },
      { approvalWaitMs: 30_000 },
    );
    const asked = createLatch();
    plane.approvals.subscribe(() => asked.open());
    const stop = new AbortController();
    const waiting = rejected(client.chat.completions.create(chat, { signal: stop.signal }));
    await asked.opened;
    stop.abort();
    expect(await waiting).toBeInstanceOf(APIUserAbortError);
    expect(await plane.approvals.list({ status: "pending" })).toHaveLength(1);
    await plane.close();
  });

  test("waiting that is not answered in time is a refusal", async () => {
    const { client, plane } = governedClient(
      provider,
      { policies: [ASK], ...resolver },
      { approvalWaitMs: 20 },
    );
    const error = await rejected(client.chat.completions.create(chat));
    expect(error).toMatchObject({ status: 403, code: "agentplane_blocked" });
    await plane.close();
  });
});
