import {
  isStreamAsked,
  type CallPiece,
  type Dialect,
  type EventFacts,
  type ProposedCall,
  type StreamDialect,
  type TextPlace,
} from "./dialect.ts";
import { countOf, listOf, recordOf, textOf, writtenOf, type JsonRecord } from "./json.ts";
import { keptTools, offeredTools } from "./offered-tools.ts";
import { limitOfEach, wholeLimit } from "./output-limit.ts";
import { promptOf, withPrompt } from "./prompt-members.ts";
import { readUsage } from "./usage.ts";

/**
 * A predicted answer is read by the model, like its messages; the end of a text like its beginning. Of compatible servers
 * some read either member at either path.
 */
const CHAT_PROMPT = { main: "messages", others: ["prediction", "prompt"] } as const;
const TEXT_PROMPT = { main: "prompt", others: ["suffix", "messages"] } as const;
const LIMITS = ["max_completion_tokens", "max_tokens"] as const;

/** Pieces of a chat stream, one `choices[i].delta` after the other. */
const STREAM: StreamDialect = {
  isAsked: isStreamAsked,
  withUsage(request) {
    const options = recordOf(request["stream_options"]);
    if (options?.["include_usage"] === true) return request;
    return { ...request, stream_options: { ...options, include_usage: true } };
  },
  isUsageOnly: (event) => recordOf(event["usage"]) !== undefined && listOf(event["choices"]).length === 0,
  read(event) {
    const pieces: TextPlace[] = [];
    const wholes: TextPlace[] = [];
    const calls: CallPiece[] = [];
    const ends: string[] = [];
    for (const [at, member] of listOf(event["choices"]).entries()) {
      const choice = recordOf(member);
      if (choice === undefined) {
        collect(member, { slot: `${at}`, path: ["choices", at], pieces, wholes });
        continue;
      }
      const name = `${countOf(choice["index"]) ?? at}`;
      for (const [inner, value] of Object.entries(choice)) {
        if (CHOICE_STRUCTURE.has(inner)) continue;
        const slot = inner === "delta" || inner === "text" ? name : `${name}/${inner}`;
        collect(value, { slot, path: ["choices", at, inner], pieces, wholes });
      }
      calls.push(...callPieces(recordOf(choice["delta"]) ?? {}, name));
      if (typeof choice["finish_reason"] === "string") ends.push(`${name}/`);
    }
    const usage = readUsage(event["usage"]);
    // Some SDK would read them by their names, too: then they are texts like any others.
    const covered = Array.isArray(event["choices"]) ? ["choices"] : [];
    return {
      pieces,
      wholes,
      calls,
      ends,
      covered,
      ...(usage !== undefined && { usage }),
    } satisfies EventFacts;
  },
  isNamed: false,
  rest(event, { path }, text) {
    const [, at = 0, ...inner] = path;
    const { usage: _usage, ...rest } = event;
    // A choice that is a text alone says by its place which one it is.
    if (inner.length === 0) return { ...rest, choices: [...Array<string>(Number(at)).fill(""), text] };
    const choice = recordOf(listOf(event["choices"])[Number(at)]) ?? {};
    // Only what says where the piece belongs: ids and names that are said twice would be joined by some readers.
    const bare = {
      index: countOf(choice["index"]) ?? 0,
      ...nested(choice, inner, text),
      finish_reason: null,
    };
    return { ...rest, choices: [bare] };
  },
};

function nested(value: unknown, path: readonly (string | number)[], text: string): JsonRecord {
  const [first, ...rest] = path;
  if (first === undefined) return {};
  const member: unknown = Array.isArray(value) ? value[Number(first)] : recordOf(value)?.[first];
  if (rest.length === 0) return { [first]: text };
  if (!Array.isArray(member)) return { [first]: nested(member, rest, text) };
  const index = countOf(recordOf(member[Number(rest[0])])?.["index"]);
  return { [first]: [{ ...(index !== undefined && { index }), ...inList(member, rest, text) }] };
}

function inList(
  list: readonly unknown[],
  [at, ...rest]: readonly (string | number)[],
  text: string,
): JsonRecord {
  return nested(list[Number(at)], rest, text);
}

/** `POST …/chat/completions`, of OpenAI and of everything that speaks like it. */
export const CHAT_COMPLETIONS: Dialect = {
  describe(request) {
    const limits = LIMITS.map((member) => countOf(request[member])).filter((limit) => limit !== undefined);
    return {
      name: textOf(request["model"]) ?? "unknown",
      messages: promptOf(request, CHAT_PROMPT),
      // Of two a server may take either.
      ...(limits.length > 0 && { maxOutputTokens: wholeLimit(request, Math.max(...limits)) }),
    };
  },
  withMessages: (request, messages) => withPrompt(request, CHAT_PROMPT, messages),
  withMaxOutput(request, maxOutputTokens) {
    // Older servers know only the second name: what the caller used is kept.
    const named = LIMITS.filter((member) => request[member] !== undefined);
    const members = named.length > 0 ? named : [LIMITS[0]];
    const limit = limitOfEach(request, maxOutputTokens);
    const next = members.map((member) => [member, Math.min(limit, countOf(request[member]) ?? limit)]);
    return { ...request, ...Object.fromEntries(next) };
  },
  tools: offeredTools,
  withTools: keptTools,
  readAnswer: (answer) => membersOf(answer, (member) => !ANSWER_STRUCTURE.has(member)),
  writeAnswer: (answer, content) => ({
    ...membersOf(answer, (member) => ANSWER_STRUCTURE.has(member)),
    ...recordOf(content),
  }),
  usageOf: ({ usage }) => readUsage(usage),
  proposedCalls: (answer) =>
    listOf(answer["choices"]).flatMap((choice) => {
      const message = recordOf(recordOf(choice)?.["message"]) ?? {};
      const calls = [...listOf(message["tool_calls"]), { function: message["function_call"] }];
      return calls.flatMap((call) => proposed(recordOf(call) ?? {}));
    }),
  stream: STREAM,
};

/** `POST …/completions`, the one before chat: a prompt and texts; some servers answer as they do to a chat. */
export const COMPLETIONS: Dialect = {
  ...CHAT_COMPLETIONS,
  describe(request) {
    const limit = countOf(request["max_tokens"]);
    return {
      name: textOf(request["model"]) ?? "unknown",
      messages: promptOf(request, TEXT_PROMPT),
      ...(limit !== undefined && { maxOutputTokens: wholeLimit(request, limit) }),
    };
  },
  withMessages: (request, prompt) => withPrompt(request, TEXT_PROMPT, prompt),
  withMaxOutput: (request, maxOutputTokens) => ({
    ...request,
    max_tokens: limitOfEach(request, maxOutputTokens),
  }),
};

/** What is no text of a choice. */
const CHOICE_STRUCTURE = new Set(["index", "finish_reason", "logprobs"]);

/** What of an answer a model did not write; some providers add members that it did. */
const ANSWER_STRUCTURE = new Set([
  "id",
  "object",
  "created",
  "model",
  "usage",
  "service_tier",
  "system_fingerprint",
]);

function membersOf(record: JsonRecord, isWanted: (member: string) => boolean): JsonRecord {
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const member of Object.keys(record)) if (isWanted(member)) members[member] = record[member];
  return members;
}

/** What is no text of the answer; every other text of a delta is, also those that some providers add. */
const STRUCTURE = new Set(["role", "type", "id", "index", "signature"]);
/** What has the name of a tool; anything else that has a name says it in words. */
const NAMED = new Set<unknown>(["function", "custom", "function_call"]);

function collect(
  value: unknown,
  place: {
    readonly slot: string;
    readonly path: readonly (string | number)[];
    readonly pieces: TextPlace[];
    readonly wholes: TextPlace[];
  },
): void {
  const { slot, path, pieces, wholes } = place;
  if (typeof value === "string") {
    pieces.push({ slot: `${slot}/`, path, text: value });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [member, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? Number(member) : member;
    if (!Array.isArray(value) && isStructure(member, path.at(-1))) {
      // A name is said at once; held back, no call would begin before its end.
      if (member === "name" && typeof inner === "string" && inner !== "")
        wholes.push({ slot, path: [...path, at], text: inner });
      continue;
    }
    // Parallel calls are told apart by their index, not by their place in this event.
    const name = countOf(recordOf(inner)?.["index"]) ?? member;
    collect(inner, { slot: `${slot}/${name}`, path: [...path, at], pieces, wholes });
  }
}

function isStructure(member: string, parent: unknown): boolean {
  return STRUCTURE.has(member) || (member === "name" && (NAMED.has(parent) || parent === "delta"));
}

function callPieces(delta: JsonRecord, choice: string): readonly CallPiece[] {
  const legacy = recordOf(delta["function_call"]);
  const all = [
    ...listOf(delta["tool_calls"]),
    ...(legacy === undefined ? [] : [{ index: "legacy", function: legacy }]),
  ];
  return all.map((member, at) => {
    const call = recordOf(member) ?? {};
    const described = recordOf(call["function"]) ?? recordOf(call["custom"]) ?? {};
    const [id, name] = [textOf(call["id"]), textOf(described["name"])];
    const input = textOf(writtenOf(described["arguments"] ?? described["input"]));
    return {
      slot: `${choice}/${countOf(call["index"]) ?? textOf(call["index"]) ?? at}`,
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      ...(input !== undefined && { input }),
    };
  });
}

function proposed(call: JsonRecord): readonly ProposedCall[] {
  const described = recordOf(call["function"]) ?? recordOf(call["custom"]) ?? {};
  const name = textOf(described["name"]);
  if (name === undefined) return [];
  return [{ id: textOf(call["id"]), name, input: writtenOf(described["arguments"] ?? described["input"]) }];
}
