import type { Usage } from "@agentplane/core";

import {
  isStreamAsked,
  type CallPiece,
  type Dialect,
  type ProposedCall,
  type StreamDialect,
} from "./dialect.ts";
import { countOf, listOf, pickedOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { countedDialect } from "./counted-dialect.ts";
import { keptTools, offeredTools } from "./offered-tools.ts";
import { unseenServers } from "./toolsets.ts";

const PROMPT = ["system", "messages"] as const;
/** Deltas of a block; a signature is no text. */
const DELTAS = ["text", "thinking", "partial_json"] as const;

const STREAM: StreamDialect = {
  isAsked: isStreamAsked,
  withUsage: (request) => request,
  isUsageOnly: () => false,
  read(event) {
    const type = textOf(event["type"]);
    const block = `${countOf(event["index"]) ?? 0}/`;
    const usage = usageOf(recordOf(event["message"])?.["usage"] ?? event["usage"]);
    const pieces = type === "content_block_delta" ? piecesOf(event, block) : [];
    return {
      pieces,
      // A citation is a delta without a piece.
      covered: pieces.length > 0 ? ["delta"] : [],
      calls: callPieces(event, block),
      ends: type === "content_block_stop" ? [block] : type === "message_stop" ? [""] : [],
      ...(usage !== undefined && { usage }),
    };
  },
  isNamed: true,
  rest: (event, { path }, text) => ({
    ...event,
    delta: { type: recordOf(event["delta"])?.["type"], [path[1] ?? "text"]: text },
  }),
};

/** `POST …/messages` of Anthropic. */
export const ANTHROPIC_MESSAGES: Dialect = {
  provider: "anthropic",
  describe(request) {
    const limit = countOf(request["max_tokens"]);
    return {
      name: textOf(request["model"]) ?? "unknown",
      messages: pickedOf(request, PROMPT),
      ...(limit !== undefined && { maxOutputTokens: limit }),
    };
  },
  withMessages: (request, messages) => ({ ...request, ...recordOf(messages) }),
  withMaxOutput: (request, maxOutputTokens) => ({ ...request, max_tokens: maxOutputTokens }),
  tools: offeredTools,
  withTools: keptTools,
  unseenServers,
  readAnswer: ({ content }) => content ?? [],
  writeAnswer: (answer, content) => ({ ...answer, content }),
  usageOf: ({ usage }) => usageOf(usage),
  proposedCalls: (answer) => listOf(answer["content"]).flatMap((block) => proposed(recordOf(block) ?? {})),
  stream: STREAM,
};

/** `POST …/messages/count_tokens`. */
export const COUNTED_MESSAGES: Dialect = countedDialect(ANTHROPIC_MESSAGES);

/** Anthropic counts cached tokens beside its input, not in it. In a stream only the first event tells the input. */
function usageOf(reported: unknown): Usage | undefined {
  const usage = recordOf(reported);
  if (usage === undefined) return undefined;
  const [fresh, outputTokens] = [countOf(usage["input_tokens"]), countOf(usage["output_tokens"])];
  const cacheReadTokens = countOf(usage["cache_read_input_tokens"]);
  const cacheWriteTokens = countOf(usage["cache_creation_input_tokens"]);
  return {
    ...(fresh !== undefined && { inputTokens: fresh + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0) }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
  };
}

function piecesOf(event: JsonRecord, slot: string) {
  const delta = recordOf(event["delta"]) ?? {};
  return DELTAS.flatMap((member) => {
    const text = delta[member];
    return typeof text === "string" ? [{ slot, path: ["delta", member], text }] : [];
  });
}

function callPieces(event: JsonRecord, slot: string): readonly CallPiece[] {
  const input = textOf(recordOf(event["delta"])?.["partial_json"]);
  if (input !== undefined) return [{ slot, input }];
  return proposed(recordOf(event["content_block"]) ?? {}).map(({ id, name, input: whole }) => ({
    slot,
    name,
    ...(id !== undefined && { id }),
    // Empty, mostly: then it comes in pieces.
    ...(whole !== "{}" && { input: whole }),
  }));
}

function proposed(block: JsonRecord): readonly ProposedCall[] {
  const name = textOf(block["name"]);
  if (block["type"] !== "tool_use" || name === undefined) return [];
  return [{ id: textOf(block["id"]), name, input: JSON.stringify(block["input"] ?? {}) }];
}
