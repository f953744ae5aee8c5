import type { PolicyContext } from "@agentplane/core";

import type { Dialect } from "../protocol/dialect.ts";
import { recordOf, textOf, type JsonRecord } from "../protocol/json.ts";
import type { ActingIdentity } from "./identity.ts";

/** What a model is called that does not tell its name. */
export const UNNAMED = "unknown";

/** Members of a prompt that are the system's words, or hold what was said, in the forms of the APIs. */
const INSTRUCTIONS = new Set(["instructions", "systemInstructions", "system"]);
const HISTORIES = new Set(["input", "messages"]);

/** Members whose texts belong to the API, which has words of its own for them. */
const STRUCTURE = new Set(["type", "role", "status", "detail"]);

/**
 * Whether a request is for the same agent and says nothing that a decided model call did not: no other model, word, tool or
 * yes to a remote MCP server, and no more output. APIs write the same prompt in different ways: the texts are compared, each as
 * often as it is said, and by whom.
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
  const left = new Map<string, number>();
  const take = (text: string, count: number): number => {
    const before = left.get(text) ?? 0;
    left.set(text, before + count);
    return before;
  };
  everyText(model.messages, (text) => take(text, 1) >= 0);
  return everyText(messages, (text) => take(text, -1) > 0);
}

function isOf(context: PolicyContext, { agent, tags, ...claimed }: ActingIdentity): boolean {
  if (agent !== context.agent.id) return false;
  const names = ["tenant", "user", "session"] as const;
  if (!names.every((name) => claimed[name] === undefined || claimed[name] === context[name])) return false;
  return Object.entries(tags ?? {}).every(([tag, value]) => context.tags[tag] === value);
}

/** Told of a text with who says it. */
type TextCheck = (text: string) => boolean;

/** Goes through the texts of a prompt, and each yes to a remote MCP server, until one fails. */
function everyText(prompt: unknown, isFine: TextCheck): boolean {
  const members = recordOf(prompt);
  if (members === undefined) return everyItem(prompt, isFine);
  return Object.entries(members).every(([member, inner]) => {
    if (HISTORIES.has(member)) return everyItem(inner, isFine);
    return everyTextOf(INSTRUCTIONS.has(member) ? "system" : member, inner, isFine);
  });
}

function everyItem(history: unknown, isFine: TextCheck): boolean {
  if (!Array.isArray(history)) return everyTextOf("user", history, isFine);
  // What a model gave, such as a call, says no role; what came of it says so by its type.
  return history.every((item) => everyTextOf(typeof item === "string" ? "user" : "assistant", item, isFine));
}

function everyTextOf(role: string, value: unknown, isFine: TextCheck): boolean {
  if (typeof value === "string") return value === "" || isFine(`${role}: ${value}`);
  if (Array.isArray(value)) return value.every((member) => everyTextOf(role, member, isFine));
  const members = recordOf(value) ?? {};
  const { approve, approval_request_id: id, approvalRequestId } = members;
  if (approve === true && !isFine(`yes to ${textOf(id ?? approvalRequestId)}`)) return false;
  const inner = roleOf(members) ?? role;
  return Object.entries(members).every(
    ([member, one]) => STRUCTURE.has(member) || everyTextOf(inner, one, isFine),
  );
}

/** Who says a message, or a part of it that somebody else says. */
function roleOf({ role, type }: JsonRecord): string | undefined {
  if (typeof type === "string" && /_(?:output|result)$/.test(type)) return "tool";
  // Of one server the same as the other's.
  return role === "developer" ? "system" : textOf(role);
}
