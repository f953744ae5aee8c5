import { rule, type Policy } from "@agentplane/core";
import type OpenAI from "openai";
import { expect } from "vitest";

import { isPolicyError } from "../src/index.ts";
import { MODEL, rejected } from "./governed-client.ts";
import type { Provider } from "./provider.ts";
import { responsesBody } from "./replies.ts";

/** What a remote MCP server asks for, and a yes to it. */
export const REQUEST = {
  type: "mcp_approval_request" as const,
  id: "r1",
  name: "purge",
  server_label: "shop",
  arguments: '{"mail":"mira@example.com"}',
};
export const YES = { type: "mcp_approval_response" as const, approval_request_id: "r1", approve: true };
export const RUN = {
  ...REQUEST,
  type: "mcp_call" as const,
  id: "m1",
  approval_request_id: "r1",
  output: "gone",
  status: "completed" as const,
};
export const ASKED = { json: { ...responsesBody(""), output: [REQUEST] } };
export const DONE = { json: responsesBody("done") };
export const STOP = { reason: "stop", by: "olga" };

export const MUST_ASK: Policy = {
  id: "ask",
  selector: { tools: ["shop/purge"] },
  blocking: [rule.condition({ where: { tool: "shop/purge" }, then: "escalate" })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};
/** The provider keeps the conversation. */
export const GO_ON = { previous_response_id: "resp_1" };

/** A request with these items. */
export function say(client: OpenAI, input: OpenAI.Responses.ResponseInput, rest: object = {}) {
  return client.responses.create({ model: MODEL, input, ...rest });
}

/** The error of a request that must not have left. */
export async function unsent(
  provider: Provider,
  request: PromiseLike<unknown>,
): Promise<{ readonly text: string; approvalId: string }> {
  const before = provider.seen.length;
  const error = await rejected(request);
  expect(isPolicyError(error)).toBe(true);
  expect(provider.seen).toHaveLength(before);
  const { error: body } = error as { readonly error: { readonly approval_id?: string } };
  return { text: String(error), approvalId: body.approval_id ?? "" };
}
