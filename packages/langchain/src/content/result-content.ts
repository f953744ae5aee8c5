import { BaseMessage, ToolMessage } from "@langchain/core/messages";

import { isPlainObject, readContent, setField, writeContent, type PlainObject } from "./message-content.ts";

/** Where metadata stands beside the members of a result. */
const METADATA = "messageMetadata";

/**
 * What rules look at in what a tool or a model gave: its content as `readContent` has it, and the metadata of every
 * message in it. Prompts are read without metadata, because no provider is sent any.
 * @param value A message, a response with messages, the update of a Command.
 * @returns The content alone where no message has metadata; else with the member `messageMetadata`, one record per
 * message. Content without members, or with one of that name, becomes `{ content, messageMetadata }`.
 */
export function readResult(value: unknown): unknown {
  const content = readContent(value);
  const metadata = messagesIn(value).map(metadataOf);
  if (!metadata.some(isFilled)) return content;
  // Beside the members, so that the paths which policies name stay what they are.
  return canStandBeside(content) ? { ...content, [METADATA]: metadata } : { content, [METADATA]: metadata };
}

/**
 * Puts a changed result back, in place like `writeContent`. Metadata that is no longer there is removed: what replaces a
 * result as a whole must not leave the metadata of the result it replaces.
 * @param value What `readResult` was given.
 * @param result What it returned, changed.
 */
export function writeResult(value: unknown, result: unknown): unknown {
  const messages = messagesIn(value);
  if (!messages.some((message) => isFilled(metadataOf(message)))) return writeContent(value, result);
  const isBeside = canStandBeside(readContent(value));
  const { [METADATA]: given, ...members } = isPlainObject(result) ? result : {};
  const metadata: readonly unknown[] = Array.isArray(given) ? given : [];
  for (const [position, message] of messages.entries()) writeMetadata(message, metadata[position]);
  if (given === undefined) return writeContent(value, result);
  return writeContent(value, isBeside ? members : members["content"]);
}

function canStandBeside(content: unknown): content is PlainObject {
  return isPlainObject(content) && !(METADATA in content);
}

/** The messages of a value in the order in which `readContent` meets them. */
function messagesIn(value: unknown): readonly BaseMessage[] {
  if (BaseMessage.isInstance(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(messagesIn);
  return isPlainObject(value) ? Object.values(value).flatMap(messagesIn) : [];
}

/** A model's `additional_kwargs` are part of its content already: they go back to the provider. */
function metadataFields(message: BaseMessage): readonly string[] {
  return ToolMessage.isInstance(message)
    ? ["metadata", "response_metadata", "additional_kwargs"]
    : ["response_metadata"];
}

function metadataOf(message: BaseMessage): object {
  // Fields of a message are read by name; what they hold is checked.
  const fields = message as unknown as Readonly<Record<string, unknown>>;
  const filled = metadataFields(message).filter((name) => isFilled(fields[name]));
  return Object.fromEntries(filled.map((name) => [name, fields[name]]));
}

function writeMetadata(message: BaseMessage, metadata: unknown): void {
  for (const name of Object.keys(metadataOf(message))) {
    setField(message, name, isPlainObject(metadata) ? (metadata[name] ?? {}) : {});
  }
}

function isFilled(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
