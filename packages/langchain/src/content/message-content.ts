import { AIMessage, AIMessageChunk, BaseMessage, ToolMessage } from "@langchain/core/messages";

/**
 * What rules look at in a value of LangChain: messages become plain data, wherever they are nested; the rest stays as
 * it is.
 * @param value A message, a response with messages, the update of a Command.
 */
export function readContent(value: unknown): unknown {
  if (BaseMessage.isInstance(value)) return readMessage(value);
  if (Array.isArray(value)) return value.map(readContent);
  return isPlainObject(value) ? mapMembers(value, readContent) : value;
}

/**
 * Puts changed content back. Messages are changed in place, because LangGraph and its streams hold the very same
 * objects: a copy would leave the unredacted one in the state. Ids, status and usage stay.
 * @param value What `readContent` was given.
 * @param content What it returned, changed.
 */
export function writeContent(value: unknown, content: unknown): unknown {
  if (BaseMessage.isInstance(value)) {
    writeMessage(value, content);
    return value;
  }
  if (Array.isArray(value) && Array.isArray(content)) {
    return content.map((item, position) => writeContent(value[position], item));
  }
  if (!isPlainObject(value) || !isPlainObject(content)) return content;
  return mapMembers(content, (item, name) => writeContent(value[name], item));
}

/** A copy that shares nothing which `writeContent` changes: a prompt is redacted without touching the history. */
export function copyMessage<M extends BaseMessage>(message: M): M {
  const own = { lc_kwargs: { ...message.lc_kwargs }, additional_kwargs: { ...message.additional_kwargs } };
  // The copy has the prototype and the own properties of a message of the same class.
  return Object.assign(Object.create(Object.getPrototypeOf(message)) as M, message, own);
}

/** A message as plain data: `{ role, content, toolCalls?, invalidToolCalls?, extra? }`; a tool's is its content alone. */
function readMessage(message: BaseMessage): unknown {
  if (ToolMessage.isInstance(message)) {
    const { content, artifact } = message;
    return artifact === undefined ? content : { content, artifact };
  }
  const { tool_calls: _raw, ...extra } = message.additional_kwargs;
  return {
    role: message.type,
    content: message.content,
    ...(AIMessage.isInstance(message) && readToolCalls(message)),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function readToolCalls({ tool_calls: calls = [], invalid_tool_calls: invalid = [] }: AIMessage): object {
  return {
    ...(calls.length > 0 && { toolCalls: calls.map(({ name, args }) => ({ name, args })) }),
    ...(invalid.length > 0 && {
      invalidToolCalls: invalid.map(({ name, args, error }) => ({ name, args, error })),
    }),
  };
}

function writeMessage(message: BaseMessage, content: unknown): void {
  if (ToolMessage.isInstance(message) && message.artifact === undefined) {
    setField(message, "content", content ?? "");
    return;
  }
  const next = isPlainObject(content) ? content : {};
  setField(message, "content", next["content"] ?? "");
  if (ToolMessage.isInstance(message)) {
    setField(message, "artifact", next["artifact"]);
    return;
  }
  // The provider's raw copy of the calls would repeat what the parsed ones no longer say.
  setField(message, "additional_kwargs", isPlainObject(next["extra"]) ? next["extra"] : {});
  if (AIMessage.isInstance(message)) writeToolCalls(message, next);
}

function writeToolCalls(message: AIMessage, next: PlainObject): void {
  const calls = merged(message.tool_calls ?? [], next["toolCalls"]);
  setField(message, "tool_calls", calls);
  setField(message, "invalid_tool_calls", merged(message.invalid_tool_calls ?? [], next["invalidToolCalls"]));
  if (!(message instanceof AIMessageChunk)) return;
  const chunks = calls.map(({ id, ...call }, index) => ({
    ...(id !== undefined && { id }),
    name: call["name"],
    args: JSON.stringify(call["args"]),
    index,
    type: "tool_call_chunk",
  }));
  setField(message, "tool_call_chunks", chunks);
}

/** Each call with its changed name, arguments or error; a call that is no longer there is gone. */
function merged<Call extends object>(calls: readonly Call[], next: unknown): (Call & PlainObject)[] {
  const changed: readonly unknown[] = Array.isArray(next) ? next : [];
  return calls.flatMap((call, position) => {
    const change = changed[position];
    return isPlainObject(change) ? [{ ...call, ...change }] : [];
  });
}

/** Sets a field of a message, and where it says what it was built from, which it serialises. */
export function setField(message: BaseMessage, field: string, value: unknown): void {
  Object.assign(message, { [field]: value });
  if (field in message.lc_kwargs) Object.assign(message.lc_kwargs, { [field]: value });
}

/** An object literal, of which nothing but its members is known. */
export type PlainObject = Readonly<Record<string, unknown>>;

/** Tells an object literal, whose members may be visited, from an instance of a class. */
export function isPlainObject(value: unknown): value is PlainObject {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function mapMembers(object: PlainObject, map: (value: unknown, name: string) => unknown): PlainObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value, name)]));
}
