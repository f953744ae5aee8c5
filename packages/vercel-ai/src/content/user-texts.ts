import { isRecord } from "./inline-file.ts";

/** What the user says in messages of the SDK or of its provider protocol: what rules look at before a run begins. */
export function userTexts(messages: readonly unknown[]): readonly string[] {
  return messages.flatMap((message) => {
    if (!isRecord(message) || message["role"] !== "user") return [];
    const { content } = message;
    return Array.isArray(content) ? content.flatMap(textIn) : textIn({ type: "text", text: content });
  });
}

/**
 * The messages with other words of the user.
 * @param changed New words by the old ones; whatever is not in it stays.
 */
export function withUserTexts<Messages extends readonly unknown[]>(
  messages: Messages,
  changed: ReadonlyMap<string, string>,
): Messages {
  if (changed.size === 0) return messages;
  const word = (text: unknown): unknown => (typeof text === "string" ? (changed.get(text) ?? text) : text);
  const part = (one: unknown): unknown =>
    isRecord(one) && one["type"] === "text" ? { ...one, text: word(one["text"]) } : one;
  const written = messages.map((message: unknown) => {
    if (!isRecord(message) || message["role"] !== "user") return message;
    const { content } = message;
    return { ...message, content: Array.isArray(content) ? content.map(part) : word(content) };
  });
  // The same messages with other texts.
  return written as unknown as Messages;
}

function textIn(part: unknown): readonly string[] {
  return isRecord(part) && part["type"] === "text" && typeof part["text"] === "string" ? [part["text"]] : [];
}
