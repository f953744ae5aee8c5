import {
  isStreamAsked,
  type CallPiece,
  type Dialect,
  type StreamDialect,
  type TextPlace,
  type UnseenTools,
} from "./dialect.ts";
import { countOf, listOf, pickedOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { countedDialect } from "./counted-dialect.ts";
import { hasPrompt, keptTools, offeredTools } from "./offered-tools.ts";
import { remoteAnswers, remoteRequests, withRemoteRequests } from "./remote-approvals.ts";
import { proposedCall } from "./response-items.ts";
import { unaskedServers, withAsking } from "./unasked-servers.ts";
import { readUsage } from "./usage.ts";

/** What of a request the model reads. */
const PROMPT = ["instructions", "input", "prompt"] as const;

/**
 * What of an answer no model wrote: facts, and what echoes the request. A member that nobody knows is judged, because some
 * servers sum the text up on their own.
 */
const ECHOED = new Set(
  [
    "access_programs background completed_at conversation created_at frequency_penalty id incomplete_details",
    "input_transformations instructions max_output_tokens max_tool_calls metadata model object parallel_tool_calls",
    "presence_penalty previous_response_id prompt prompt_cache_diagnostics prompt_cache_key prompt_cache_options",
    "prompt_cache_retention reasoning safety_identifier service_tier status store temperature text tool_choice",
    "tool_usage tools top_logprobs top_p truncation usage user",
  ].flatMap((line) => line.split(" ")),
);

/** What of an answer a model wrote, and what may be. */
export function writtenMembers(answer: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(answer).filter(([member]) => !ECHOED.has(member)));
}

/** Events after which nothing of the answer comes any more. */
const LAST = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
  "transcript.text.done",
]);
/** Segments of a transcript are cut anywhere: together they are one text. */
const SEGMENT = "transcript.text.segment";

/** Events that tell their type, of the Responses API and of what streams like it. */
export const TYPED_EVENTS: StreamDialect = {
  isAsked: isStreamAsked,
  // The last event always tells the usage.
  withUsage: (request) => request,
  isUsageOnly: () => false,
  read(event) {
    const type = textOf(event["type"]) ?? "";
    const usage = readUsage(recordOf(event["response"])?.["usage"] ?? event["usage"]);
    return {
      pieces: pieceOf(event, type),
      calls: callPieces(event, type),
      ends: endsOf(event, type),
      // Where it is no text, it may have some.
      covered:
        type === SEGMENT && typeof event["text"] === "string"
          ? ["text"]
          : typeof event["delta"] === "string"
            ? ["delta"]
            : [],
      ...(usage !== undefined && { usage }),
    };
  },
  isNamed: true,
  rest: (event, { path }, text) => ({ ...event, [path[0] ?? "delta"]: text }),
};

/** Nobody knows what tools a stored prompt has; those of a request take their place. */
const OF_PROMPT: UnseenTools = {
  server: undefined,
  names: undefined,
  source: "the stored prompt",
  instead:
    "Say the tools in the request, tools: [] for none: they take the place of those of the prompt; or set " +
    "unaskedCalls: 'leave' if that is wanted",
};

/** `POST …/responses`. */
export const RESPONSES: Dialect = {
  describe(request) {
    const limit = countOf(request["max_output_tokens"]);
    return {
      name: textOf(request["model"]) ?? "unknown",
      messages: pickedOf(request, PROMPT),
      ...(limit !== undefined && { maxOutputTokens: limit }),
    };
  },
  withMessages: (request, messages) => ({ ...request, ...recordOf(messages) }),
  withMaxOutput: (request, maxOutputTokens) => ({ ...request, max_output_tokens: maxOutputTokens }),
  tools: offeredTools,
  withTools: keptTools,
  readAnswer: writtenMembers,
  writeAnswer: (answer, content) => ({ ...answer, ...recordOf(content) }),
  usageOf: ({ usage }) => readUsage(usage),
  proposedCalls: ({ output }) => listOf(output).flatMap((item) => proposedCall(recordOf(item) ?? {})),
  remoteRequests: ({ output }) => remoteRequests(output),
  remoteAnswers,
  withRemoteRequests,
  unaskedServers,
  withAsking,
  unseenServers: (request) => (hasPrompt(request) && !Array.isArray(request["tools"]) ? [OF_PROMPT] : []),
  stream: TYPED_EVENTS,
};

/** `POST …/responses/input_tokens`: the same request leaves, and no model runs. */
export const COUNTED_RESPONSES: Dialect = countedDialect(RESPONSES);

/** The text that a delta goes on with: one of an item's contents, or the item itself. */
function slotOf(event: JsonRecord, stem: string): string {
  const item = textOf(event["item_id"]) ?? `#${countOf(event["output_index"]) ?? ""}`;
  const index = countOf(event["content_index"] ?? event["summary_index"] ?? event["command_index"]);
  return `${item}/${stem}/${index ?? ""}/`;
}

function pieceOf(event: JsonRecord, type: string): readonly TextPlace[] {
  const { delta, text } = event;
  if (type === SEGMENT) return typeof text === "string" ? [{ slot: "segments/", path: ["text"], text }] : [];
  // Sound is no text.
  if (typeof delta !== "string" || type === "response.audio.delta") return [];
  return [{ slot: slotOf(event, type.replace(/\.delta$/, "")), path: ["delta"], text: delta }];
}

function endsOf(event: JsonRecord, type: string): readonly string[] {
  if (LAST.has(type)) return [""];
  if (type === "response.output_item.done") {
    const id = textOf(recordOf(event["item"])?.["id"]);
    return [id === undefined ? "" : `${id}/`];
  }
  return type.endsWith(".done") ? [slotOf(event, type.slice(0, -".done".length))] : [];
}

function callPieces(event: JsonRecord, type: string): readonly CallPiece[] {
  if (type !== "response.output_item.added" && type !== "response.output_item.done") return [];
  const item = recordOf(event["item"]) ?? {};
  const slot = textOf(item["id"]) ?? `#${countOf(event["output_index"]) ?? ""}`;
  return proposedCall(item).map(({ id, name, server, input, isRemote }) => ({
    slot,
    name,
    ...(id !== undefined && { id }),
    ...(server !== undefined && { server }),
    ...(isRemote === true && { isRemote }),
    ...(type.endsWith(".done") && { input, isWhole: true }),
  }));
}
