import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { ScanChannel, Scanner } from "../base/scanner.ts";
import { visitStrings } from "../context/content.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import { inputOf, subjectOf } from "../context/subject.ts";

/** A piece of content and who is speaking in it. */
export interface ScanPart {
  readonly channel: ScanChannel;
  readonly value: JsonValue;
}

/** How often each detector found something; only counts, never what was found. */
export interface ScanCounts {
  readonly counts: ReadonlyMap<string, number>;
  /** Some text was too long to be looked at wholly. */
  readonly isTruncated: boolean;
}

/** Every channel a call's content can have. */
export const SCAN_CHANNELS = [
  "user",
  "tool_result",
  "tool_description",
  "tool_input",
  "model_output",
] as const;

/**
 * Splits what a call carries at its hookpoint by who is speaking. Messages are split by their role, so that a tool's
 * result inside a prompt is judged as a tool's result; the operator's own system messages are left out.
 */
export function scanParts(context: PolicyContext): readonly ScanPart[] {
  const { hookpoint, result } = context;
  if (isAfter(hookpoint)) return part(resultChannel(context), result);
  const input = inputOf(context);
  const subject = subjectOf(context);
  if (subject === "model") return input === undefined ? [] : messageParts(input);
  return part(subject === "tool" ? "tool_input" : targetChannel(hookpoint), input);
}

/**
 * Scans every string of the parts, nested ones, member names and large whole numbers too. Linear in the text.
 * @param threshold Findings below it are not counted, 0 to 1.
 */
export function countFindings(
  parts: readonly ScanPart[],
  scanner: Scanner,
  { detect, threshold }: { readonly detect: readonly string[]; readonly threshold: number },
): ScanCounts {
  const counts = new Map<string, number>();
  let isTruncated = false;
  for (const { channel, value } of parts) {
    visitStrings(value, (text) => {
      const found = scanner.scan({ text, channel, detect });
      isTruncated ||= found.isTruncated;
      for (const { type, score } of found.spans) {
        if (score >= threshold) counts.set(type, (counts.get(type) ?? 0) + 1);
      }
    });
  }
  return { counts, isTruncated };
}

function part(channel: ScanChannel, value: JsonValue | undefined): readonly ScanPart[] {
  return value === undefined ? [] : [{ channel, value }];
}

function resultChannel(context: PolicyContext): ScanChannel {
  const { hookpoint } = context;
  if (subjectOf(context) === "model") return "model_output";
  if (hookpoint === "after_tool_list") return "tool_description";
  if (hookpoint === "after_elicitation") return "user";
  return hookpoint === "after_agent" ? "model_output" : "tool_result";
}

/** A run starts with what its user said; whatever else is handed on comes from the agent. */
function targetChannel(hookpoint: string): ScanChannel {
  if (hookpoint === "before_agent") return "user";
  // What a server asks of the user is the server's text.
  return hookpoint === "before_elicitation" ? "tool_result" : "tool_input";
}

/** Roles as OpenAI, Anthropic, Vercel AI SDK, MCP and LangChain (`type`) write them. */
const CHANNEL_OF_ROLE: ReadonlyMap<unknown, ScanChannel | "operator"> = new Map([
  ["system", "operator"],
  ["developer", "operator"],
  ["assistant", "model_output"],
  ["ai", "model_output"],
  ["model", "model_output"],
  ["tool", "tool_result"],
  ["function", "tool_result"],
  ["function_call_output", "tool_result"],
  ["user", "user"],
  ["human", "user"],
]);

function messageParts(messages: JsonValue): readonly ScanPart[] {
  if (!Array.isArray(messages)) return [{ channel: "user", value: messages }];
  return messages.flatMap((message: JsonValue): readonly ScanPart[] => {
    const channel = isJsonObject(message) ? channelOfMessage(message["role"], message["type"]) : "user";
    return channel === "operator" ? [] : [{ channel, value: message }];
  });
}

/** A message of an unknown role counts as the user's: nothing escapes by a role of its own. */
function channelOfMessage(role: unknown, type: unknown): ScanChannel | "operator" {
  return CHANNEL_OF_ROLE.get(role) ?? CHANNEL_OF_ROLE.get(type) ?? "user";
}
