import { AgentplaneError } from "@agentplane/core";

import { fileOf, isRecord, shownFile, writtenFile } from "./inline-file.ts";
import { shownInput, writtenInput } from "./string-input.ts";

/**
 * What rules look at in a prompt: its messages, with text files as text and other files as their size, without what is
 * said to the provider beside them.
 * @param prompt Messages of the SDK's protocol.
 */
export function readPrompt(prompt: readonly unknown[]): readonly unknown[] {
  return prompt.map((message) => {
    if (!isRecord(message)) return message;
    const { content } = message;
    return { ...withoutMetadata(message), content: Array.isArray(content) ? readParts(content) : content };
  });
}

/**
 * Puts a changed prompt back together.
 * @param prompt What `readPrompt` was given.
 * @param changed What it returned, with other texts.
 * @throws AgentplaneError `usage_invalid` when there are more or fewer messages or parts than before
 */
export function writePrompt(prompt: readonly unknown[], changed: unknown): readonly unknown[] {
  return pairs(prompt, changed).map(([message, next]) => {
    if (!isRecord(message) || !isRecord(next)) return next;
    const content: unknown = message["content"];
    return {
      ...withMetadata(message, next),
      content: Array.isArray(content) ? writeParts(content, next["content"]) : next["content"],
    };
  });
}

/** The same of the parts of one message or answer. */
export function readParts(parts: readonly unknown[]): readonly unknown[] {
  return parts.map((part) => {
    if (!isRecord(part)) return part;
    const file = fileOf(part);
    const shown = shownPart(part);
    if (file !== undefined) return { ...shown, data: shownFile(file) };
    const { output } = part;
    if (!isRecord(output)) return shown;
    return { ...shown, output: { ...withoutMetadata(output), value: readOutput(output) } };
  });
}

/**
 * Puts changed parts back together.
 * @throws AgentplaneError `usage_invalid` as `writePrompt`
 */
export function writeParts(parts: readonly unknown[], changed: unknown): readonly unknown[] {
  return pairs(parts, changed).map(([part, next]) => {
    if (!isRecord(part) || !isRecord(next)) return next;
    const file = fileOf(part);
    const written = writtenPart(part, next);
    if (file !== undefined) return { ...written, data: writtenFile(file, next["data"]) };
    const { output } = part;
    const shown = next["output"];
    if (!isRecord(output) || !isRecord(shown)) return written;
    const value = isList(output) ? writeParts(output["value"], shown["value"]) : shown["value"];
    return { ...written, output: { ...withMetadata(output, shown), value } };
  });
}

/** A tool's result may be a list of parts itself; anything else is the tool's own data. */
function readOutput(output: Readonly<Record<string, unknown>>): unknown {
  return isList(output) ? readParts(output["value"]) : output["value"];
}

function isList(output: object): output is { readonly value: readonly unknown[] } & Record<string, unknown> {
  return "type" in output && output.type === "content" && "value" in output && Array.isArray(output.value);
}

type PlainRecord = Readonly<Record<string, unknown>>;

/** Signatures, ids and cache hints: no words, and a changed one breaks the next turn. */
const METADATA = ["providerOptions", "providerMetadata"] as const;

/** A source is never sent back to the provider: what was quoted for it needs no signature, and is judged like words. */
function shownPart(part: PlainRecord): Record<string, unknown> {
  const shown = part["type"] === "source" ? { ...part } : withoutMetadata(part);
  const { input } = part;
  return isToolCall(part) && typeof input === "string" ? { ...shown, input: shownInput(input) } : shown;
}

function writtenPart(part: PlainRecord, next: PlainRecord): Record<string, unknown> {
  const written = part["type"] === "source" ? withProtocol(part, next) : withMetadata(part, next);
  const { input } = part;
  const shown = next["input"];
  if (!isToolCall(part) || typeof input !== "string" || typeof shown !== "string") return written;
  return { ...written, input: writtenInput(input, shown) };
}

function isToolCall({ type }: PlainRecord): boolean {
  return type === "tool-call";
}

function withoutMetadata(part: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { providerOptions: _options, providerMetadata: _metadata, ...rest } = part;
  return rest;
}

/** What holds the protocol together: digits in an id may look like a number that is to be hidden. */
const PROTOCOL = ["type", "id", "toolCallId", "approvalId"] as const;

function withMetadata(part: PlainRecord, changed: PlainRecord): Record<string, unknown> {
  const written = withProtocol(part, changed);
  for (const name of METADATA) if (Object.hasOwn(part, name)) written[name] = part[name];
  return written;
}

function withProtocol(part: PlainRecord, changed: PlainRecord): Record<string, unknown> {
  const written: Record<string, unknown> = { ...changed };
  for (const name of PROTOCOL) if (Object.hasOwn(part, name)) written[name] = part[name];
  return written;
}

function pairs(
  before: readonly unknown[],
  changed: unknown,
): readonly (readonly [before: unknown, after: unknown])[] {
  if (Array.isArray(changed) && changed.length === before.length)
    return before.map((item, position) => [item, changed[position]] as const);
  throw new AgentplaneError(
    "usage_invalid",
    "a policy or hook may change the messages and parts of a prompt or an answer, not their number",
  );
}
