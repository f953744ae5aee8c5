import type { PolicyContext } from "@agentplane/core";

import type { Dialect } from "../protocol/dialect.ts";
import { recordOf, textOf, type JsonRecord } from "../protocol/json.ts";
import type { ActingIdentity } from "./identity.ts";

/** What a model is called that does not tell its name. */
export const UNNAMED = "unknown";

/** Members whose texts belong to the API, which has words of its own for them. */
const STRUCTURE = new Set(["type", "role", "status", "detail"]);

/**
 * Whether a request is for the same agent and says nothing that a decided model call did not: no other model, word, tool or
 * yes to a remote MCP server, and no more output. APIs write the same prompt in different ways: the texts are compared.
 */
export function isSaidBy(
  context: PolicyContext,
  {
    acting,
    dialect,
    body,
  }: { readonly acting: ActingIdentity; readonly dialect: Dialect; readonly body: JsonRecord },
): boolean {
  const { model } = context;
  if (model === undefined || !isOf(context, acting)) return false;
  const { name, messages, maxOutputTokens = Infinity } = dialect.describe(body);
  const offered = dialect.tools?.(body) ?? [];
  const isSame =
    (name === model.name || model.name === UNNAMED) &&
    (dialect.provider === undefined || dialect.provider === model.provider) &&
    maxOutputTokens <= (model.maxOutputTokens ?? Infinity) &&
    // The tools of a remote server come with the server.
    offered.every((tool) => model.tools?.includes(tool.server === undefined ? tool.name : "mcp") === true);
  if (!isSame) return false;
  const said = new Set<string>();
  everyText(model.messages, (text) => Boolean(said.add(text)));
  return everyText(messages, (text) => said.has(text));
}

function isOf(context: PolicyContext, { agent, tags, ...claimed }: ActingIdentity): boolean {
  if (agent !== context.agent.id) return false;
  const names = ["tenant", "user", "session"] as const;
  if (!names.every((name) => claimed[name] === undefined || claimed[name] === context[name])) return false;
  return Object.entries(tags ?? {}).every(([tag, value]) => context.tags[tag] === value);
}

/** Goes through the texts of a prompt, and each yes to a remote MCP server, until one fails. */
function everyText(value: unknown, isFine: (text: string) => boolean): boolean {
  if (typeof value === "string") return value === "" || isFine(value);
  if (Array.isArray(value)) return value.every((member) => everyText(member, isFine));
  const members = recordOf(value) ?? {};
  const { approve, approval_request_id: id, approvalRequestId } = members;
  if (approve === true && !isFine(`yes to ${textOf(id ?? approvalRequestId)}`)) return false;
  return Object.entries(members).every(
    ([member, inner]) => STRUCTURE.has(member) || everyText(inner, isFine),
  );
}
