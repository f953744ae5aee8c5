import {
  isStreamAsked,
  type CallPiece,
  type Dialect,
  type ProposedCall,
  type StreamDialect,
  type TextPlace,
} from "./dialect.ts";
import { countOf, listOf, pickedOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { keptTools, offeredTools } from "./offered-tools.ts";
import { readUsage } from "./usage.ts";

/** What of a request the model reads. */
const PROMPT = ["instructions", "input", "prompt"] as const;

/** What of an answer a model wrote; the rest echoes the request. Some servers sum the text up on their own. */
export const ANSWER_MEMBERS = ["output", "output_text", "error"] as const;

/** Events after which nothing of the answer comes any more. */
const LAST = new Set(["response.completed", "response.incomplete", "response.failed", "response.cancelled"]);

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
      covered: typeof event["delta"] === "string" ? ["delta"] : [],
      ...(usage !== undefined && { usage }),
    };
  },
  isNamed: true,
  rest: (event, _place, text) => ({ ...event, delta: text }),
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
  readAnswer: (answer) => pickedOf(answer, ANSWER_MEMBERS),
  writeAnswer: (answer, content) => ({ ...answer, ...recordOf(content) }),
  usageOf: ({ usage }) => readUsage(usage),
  proposedCalls: (answer) => listOf(answer["output"]).flatMap((item) => proposed(recordOf(item) ?? {})),
  approvedCalls(request) {
    const items = listOf(request["input"]).map((item) => recordOf(item) ?? {});
    const approved = new Set(
      items.flatMap((item) =>
        item["type"] === "mcp_approval_response" && item["approve"] !== false
          ? [item["approval_request_id"]]
          : [],
      ),
    );
    const asked = items.filter((item) => item["type"] === "mcp_approval_request");
    return asked.filter((item) => approved.has(item["id"])).flatMap(proposed);
  },
  stream: TYPED_EVENTS,
};

/** The text that a delta goes on with: one of an item's contents, or the item itself. */
function slotOf(event: JsonRecord, stem: string): string {
  const item = textOf(event["item_id"]) ?? `#${countOf(event["output_index"]) ?? ""}`;
  const index = countOf(event["content_index"] ?? event["summary_index"] ?? event["command_index"]);
  return `${item}/${stem}/${index ?? ""}/`;
}

function pieceOf(event: JsonRecord, type: string): readonly TextPlace[] {
  const { delta } = event;
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

/** Calls that the application executes, and what names the tool where the call itself does not. */
const CALL_TYPES: Readonly<Record<string, string | undefined>> = {
  function_call: undefined,
  custom_tool_call: undefined,
  mcp_approval_request: undefined,
  computer_call: "computer",
  local_shell_call: "local_shell",
  shell_call: "shell",
  apply_patch_call: "apply_patch",
};

function proposed(item: JsonRecord): readonly ProposedCall[] {
  const type = textOf(item["type"]) ?? "";
  if (!Object.hasOwn(CALL_TYPES, type)) return [];
  const name = textOf(item["name"]) ?? CALL_TYPES[type];
  if (name === undefined) return [];
  const input = item["arguments"] ?? item["input"] ?? item["action"] ?? item["actions"] ?? item["operation"];
  const server = textOf(item["server_label"]);
  return [
    {
      id: textOf(item["call_id"]) ?? textOf(item["id"]),
      name,
      ...(server !== undefined && { server }),
      input: typeof input === "string" ? input : JSON.stringify(input ?? {}),
    },
  ];
}

function callPieces(event: JsonRecord, type: string): readonly CallPiece[] {
  if (type !== "response.output_item.added" && type !== "response.output_item.done") return [];
  const item = recordOf(event["item"]) ?? {};
  const slot = textOf(item["id"]) ?? `#${countOf(event["output_index"]) ?? ""}`;
  return proposed(item).map(({ id, name, server, input }) => ({
    slot,
    name,
    ...(id !== undefined && { id }),
    ...(server !== undefined && { server }),
    ...(type.endsWith(".done") && { input, isWhole: true }),
  }));
}
