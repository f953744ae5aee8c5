import type { ChunkText, StreamCodec } from "@agentplane/core";
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider";

import { errorWords, shownError } from "../content/error-words.ts";
import { fileOf, withWords, wordsOf } from "../content/inline-file.ts";
import { withoutTokens } from "../content/log-probabilities.ts";
import { hasWarnings } from "./model-result.ts";
import { usageOf } from "../content/model-usage.ts";
import { shownInput, writtenInput } from "../content/string-input.ts";

type Part = LanguageModelV4StreamPart;

/**
 * Reads and rewrites the parts of one stream. Deltas continue each other by their id; everything else that carries words
 * is a text of its own.
 * @param tools Of the request: a name that is none of theirs is the model's own word.
 */
export function createPartCodec(tools: LanguageModelV4CallOptions["tools"] = []): StreamCodec<Part> {
  const offered = new Set(tools.map(({ name }) => name));
  const isInvented = (part: Part): part is NamedPart => "toolName" in part && !offered.has(part.toolName);
  const numbers = new WeakMap<Part, number>();
  let count = 0;
  const numberOf = (part: Part): number => {
    const known = numbers.get(part) ?? count++;
    numbers.set(part, known);
    return known;
  };
  return {
    read(part) {
      const delta = readDelta(part);
      if (delta !== undefined) return delta;
      const text = isInvented(part) ? JSON.stringify(namedWords(part)) : readWhole(part);
      return text === undefined ? undefined : { part: `${part.type}:${numberOf(part)}`, text, isWhole: true };
    },
    write: (part, text) => (isInvented(part) ? withNamedWords(part, text) : writePart(part, text)),
    ends: (part) => endedBy(part),
    usage: (part) => (part.type === "finish" ? usageOf(part.usage) : undefined),
    withoutEcho,
  };
}

/** A secret may be split over the provider's own events and its tokens, which are not put together again. */
function withoutEcho(part: Part): Part | undefined {
  if (part.type === "raw") return undefined;
  if (part.type !== "finish" || part.providerMetadata === undefined) return part;
  return { ...part, providerMetadata: withoutTokens(part.providerMetadata) };
}

function readDelta(part: Part): ChunkText | undefined {
  switch (part.type) {
    case "text-delta":
      return { part: `text:${part.id}`, text: part.delta };
    case "reasoning-delta":
      return { part: `reasoning:${part.id}`, text: part.delta };
    case "tool-input-delta":
      return { part: `input:${part.id}`, text: part.delta };
    default:
      return undefined;
  }
}

function endedBy(part: Part): string | undefined {
  switch (part.type) {
    case "text-end":
      return `text:${part.id}`;
    case "reasoning-end":
      return `reasoning:${part.id}`;
    case "tool-input-end":
      return `input:${part.id}`;
    // A provider may leave out the end of an input.
    case "tool-call":
      return `input:${part.toolCallId}`;
    case "finish":
      return "all";
    default:
      return undefined;
  }
}

/** The words of a part that is not a delta, as text; structured ones as JSON, which redaction looks into. */
function readWhole(part: Part): string | undefined {
  switch (part.type) {
    case "tool-call":
      return shownInput(part.input);
    case "file":
    case "reasoning-file":
      return fileWords(part);
    case "tool-result":
      // In a list, because redaction looks into objects and lists: a single text would be judged with its escapes.
      return JSON.stringify([part.result]);
    case "source":
      return JSON.stringify(sourceWords(part));
    case "stream-start":
      return hasWarnings(part.warnings) ? JSON.stringify(part.warnings) : undefined;
    case "text-end":
      return part.citations === undefined ? undefined : JSON.stringify(part.citations);
    case "finish":
      return part.providerMetadata === undefined ? undefined : JSON.stringify(part.providerMetadata);
    case "error":
      return errorWords(part.error);
    default:
      return undefined;
  }
}

/** The part with other words. What was JSON stays JSON: redaction writes into its texts. */
function writePart(part: Part, text: string): Part {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
    case "tool-input-delta":
      return { ...part, delta: text };
    case "tool-call":
      return { ...part, input: writtenInput(part.input, text) };
    case "file":
    case "reasoning-file":
      return withFileWords(part, text);
    case "tool-result":
      return { ...part, result: onlyItem(parsed(text)) as typeof part.result };
    case "source":
      return { ...part, ...(parsed(text) as object) };
    case "stream-start":
      return { ...part, warnings: parsed(text) as typeof part.warnings };
    case "text-end":
      return { ...part, citations: parsed(text) as NonNullable<typeof part.citations> };
    case "finish":
      return { ...part, providerMetadata: parsed(text) as NonNullable<typeof part.providerMetadata> };
    case "error":
      return { ...part, error: shownError(text) };
    default:
      return part;
  }
}

function onlyItem(shown: unknown): unknown {
  return Array.isArray(shown) && shown.length === 1 ? shown[0] : shown;
}

/** What is no longer JSON is shown as the text it has become, never as what it was. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type NamedPart = Extract<Part, { readonly toolName: string }>;

/** The name and what is said under it. */
function namedWords(part: NamedPart): readonly unknown[] {
  const { type, toolName } = part;
  if (type === "tool-call") return [toolName, parsed(part.input)];
  return type === "tool-result" ? [toolName, part.result] : [toolName];
}

function withNamedWords(part: NamedPart, text: string): Part {
  // The list that was read, with other texts; what is none any more is a name alone.
  const words = parsed(text);
  const [toolName, said]: readonly unknown[] = Array.isArray(words) ? words : [text];
  const named = { ...part, toolName: String(toolName) };
  if (named.type === "tool-result") return { ...named, result: said as typeof named.result };
  if (named.type !== "tool-call") return named;
  // What was no JSON is not made into it.
  const isText = typeof said === "string" && parsed(named.input) === named.input;
  return { ...named, input: isText ? said : JSON.stringify(said) };
}

/** A source is never sent back to the provider: what was quoted for it needs no signature, and is judged like words. */
function sourceWords(part: Extract<Part, { type: "source" }>): object {
  const { title, providerMetadata } = part;
  const more = {
    ...(title !== undefined && { title }),
    ...(providerMetadata !== undefined && { providerMetadata }),
  };
  if (part.sourceType === "url") return { url: part.url, ...more };
  return { ...more, ...(part.filename !== undefined && { filename: part.filename }) };
}

type FilePart = Extract<Part, { type: "file" | "reasoning-file" }>;

function fileWords(part: FilePart): string | undefined {
  const file = fileOf(part);
  return file && wordsOf(file);
}

function withFileWords(part: FilePart, words: string): Part {
  const file = fileOf(part);
  // Data of the kind that it was.
  return file === undefined ? part : { ...part, data: withWords(file, words) as FilePart["data"] };
}
