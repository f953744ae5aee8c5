import Anthropic, { PermissionDeniedError } from "@anthropic-ai/sdk";
import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch, isPolicyError } from "../src/index.ts";
import { collected, IDENTITY, MESSAGES, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const ask = { model: "claude-test", max_tokens: 64, messages: MESSAGES };
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })],
};
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };

function governed(policies: readonly Policy[]) {
  const plane = createAgentPlane({ policies, scanner: createScanner() });
  const fetch = guardFetch(plane, IDENTITY);
  return {
    plane,
    client: new Anthropic({ apiKey: "test", baseURL: provider.url.replace("/v1", ""), fetch }),
  };
}

function bare(): Anthropic {
  return new Anthropic({ apiKey: "test", baseURL: provider.url.replace("/v1", "") });
}

const usage = {
  input_tokens: 10,
  output_tokens: 5,
  cache_read_input_tokens: 2,
  cache_creation_input_tokens: 0,
};

function message(text: string, tool?: { name: string; input: unknown }): object {
  const content = [
    { type: "text", text, citations: null },
    ...(tool === undefined ? [] : [{ type: "tool_use", id: "t1", ...tool }]),
  ];
  return {
    id: "m1",
    type: "message",
    role: "assistant",
    model: "claude-test",
    content,
    stop_reason: "end_turn",
    stop_sequence: null,
    usage,
  };
}

function events(pieces: readonly string[]): string[] {
  const event = (type: string, members: object = {}): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const begun = { ...message(""), content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
  return [
    event("message_start", { message: begun }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    event("ping"),
    ...pieces.map((text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 5 },
    }),
    event("message_stop"),
  ];
}

describe("the Anthropic SDK through guardFetch", () => {
  test("is what it was when everything is allowed, whole and streamed", async () => {
    const { client, plane } = governed([]);
    provider.reset({ json: message("hello") });
    expect(await client.messages.create(ask)).toStrictEqual(await bare().messages.create(ask));
    provider.reset({ stream: events(["hel", "lo"]) });
    const stream = async (c: Anthropic): Promise<unknown[]> =>
      collected(await c.messages.create({ ...ask, stream: true }));
    const plain = await stream(bare());
    provider.reset({ stream: events(["hel", "lo"]) });
    expect(await stream(client)).toStrictEqual(plain);
    await plane.close();
  });

  test("is refused with its own error in one attempt", async () => {
    const { client, plane } = governed([]);
    await plane.controls.unplug({ kind: "tenant", id: "acme" }, { reason: "stop", by: "olga" });
    provider.reset({ json: message("hello") });
    const error = await rejected(client.messages.create(ask));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(isPolicyError(error)).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("is redacted, and charged with its cached input", async () => {
    const { client, plane } = governed([REDACT, BUDGET]);
    provider.reset({ json: message("mail mira@example.com") });
    expect(JSON.stringify(await client.messages.create(ask))).not.toContain("example");
    provider.reset({ stream: events(["mail mira@exa", "mple.com now"]) });
    const final = await client.messages.stream(ask).finalMessage();
    expect(JSON.stringify(final)).not.toContain("example");
    expect(JSON.stringify(final)).toContain("now");
    const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
    expect(state).toMatchObject({ used: 2 * 17, held: 0 });
    await plane.close();
  });

  test("offers no remote server that a policy forbids, and counts no prompt unread", async () => {
    const { client, plane } = governed([
      {
        id: "no",
        selector: { hookpoints: ["before_tool_call"], tools: ["shop/*"] },
        blocking: [rule.denylist({ tools: ["shop/*"] })],
      },
      {
        id: "p",
        selector: { hookpoints: ["before_model_call"] },
        blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })],
      },
    ]);
    provider.reset({ json: message("hi") });
    const mcp_servers = ["shop", "desk"].map((name) => ({
      type: "url" as const,
      name,
      url: "http://localhost",
    }));
    const tools = ["shop", "desk"].map((mcp_server_name) => ({
      type: "mcp_toolset" as const,
      mcp_server_name,
    }));
    await client.beta.messages.create({ ...ask, mcp_servers, tools });
    expect(provider.last.json["mcp_servers"]).toStrictEqual([mcp_servers[1]]);
    expect(provider.last.json["tools"]).toStrictEqual([tools[1]]);
    provider.replies = [{ json: { input_tokens: 1 } }];
    const messages = [{ role: "user" as const, content: "I am mira@example.com" }];
    await client.messages.countTokens({ model: ask.model, messages });
    expect(provider.last.text).not.toContain("mira@example.com");
    await plane.close();
  });

  test("shows no call of a tool that a policy forbids", async () => {
    const { client, plane } = governed([{ id: "p", blocking: [rule.denylist({ tools: ["wipe"] })] }]);
    provider.reset({ json: message("ok", { name: "wipe", input: {} }) });
    expect(isPolicyError(await rejected(client.messages.create(ask)))).toBe(true);
    await plane.close();
  });
});
