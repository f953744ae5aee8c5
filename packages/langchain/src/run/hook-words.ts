import type { GuardInit } from "@agentplane/core";
import {
  AIMessage,
  BaseMessage,
  coerceMessageLikeToMessage,
  ToolMessage,
  type BaseMessageLike,
} from "@langchain/core/messages";

import { modelRefusal, toolRefusal } from "../call/enforce.ts";
import { identityOf, type RunFacts } from "../call/identity.ts";
import { describeModel } from "../call/model-facts.ts";
import type { GateSettings, OnBlock } from "../call/settings.ts";
import { MODEL_RESULT } from "../content/model-result.ts";
import { readContent, setField, writeContent } from "../content/message-content.ts";
import { remembered, type Remembered } from "../content/remembered.ts";
import { readResult } from "../content/result-content.ts";
import { TOOL_RESULT } from "../content/tool-result.ts";
import { runFactsOf } from "../langgraph/run-facts.ts";

/** How words of hooks are judged. */
export interface HookWords extends GateSettings {
  /** The agent's own, of which they are taken to be words. */
  readonly model: unknown;
  readonly onBlock: OnBlock;
}

/** Judges what a hook has made of the state; gives its result, with what may be written of it. */
export type JudgeWords = (result: unknown) => Promise<unknown>;

/**
 * Takes note of the messages that a hook is given. What it adds to them or changes may be the last words of the run, which no
 * call of a model is asked about any more.
 */
export function wordsOf(settings: HookWords, state: unknown): JudgeWords {
  const given = messagesIn(state).filter((one) => BaseMessage.isInstance(one));
  const known = new Map<unknown, Remembered>();
  for (const message of given) {
    const before = remembered(readResult(message));
    known.set(message, before);
    if (message.id !== undefined) known.set(message.id, before);
  }
  const isNew = (message: BaseMessage): boolean => {
    const before = known.get(message) ?? (message.id === undefined ? undefined : known.get(message.id));
    return message.getType() !== "remove" && before?.(readResult(message)) !== true;
  };
  return async (result) => {
    const update = updateIn(result);
    const written = messagesIn(update).map(messageFrom);
    const changed = given.filter((one) => isNew(one) && !written.includes(one));
    if (changed.length === 0 && !written.some(isNew)) return result;
    const around = { run: runFactsOf(undefined), given };
    for (const message of changed)
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they stand
      putInto(message, await judgedWords(settings, message, around));
    if (written.length === 0) return result;
    const messages: BaseMessage[] = [];
    for (const message of written)
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they are written
      messages.push(isNew(message) ? await judgedWords(settings, message, around) : message);
    return withUpdate(result, { ...update, messages });
  };
}

interface Around {
  readonly run: RunFacts;
  /** The messages before. */
  readonly given: readonly BaseMessage[];
}

async function judgedWords(
  { plane, identity, model, onBlock }: HookWords,
  message: BaseMessage,
  { run, given }: Around,
): Promise<BaseMessage> {
  const acting = identityOf(identity, run);
  if (ToolMessage.isInstance(message)) {
    const call = callOf(message, given);
    const context: GuardInit = {
      hookpoint: "before_tool_call",
      ...acting,
      tool: { name: call.name, input: call.args },
    };
    const judged = await plane.guard.judgeAgain(context, { result: message, codec: TOOL_RESULT });
    return judged.status === "ran" ? message : inPlaceOf(message, toolRefusal(judged, call));
  }
  const context: GuardInit = {
    hookpoint: "before_model_call",
    ...acting,
    model: { ...describeModel(model), messages: readContent([...given]), tools: [] },
  };
  // Read and written as an answer, whatever kind of message it is.
  const answer = message as AIMessage;
  const judged = await plane.guard.judgeAgain(context, { result: answer, codec: MODEL_RESULT });
  if (judged.status === "ran") return message;
  if (onBlock === "throw") throw judged.error;
  return inPlaceOf(message, modelRefusal(judged));
}

/** The call that a result is for, as far as the history shows it. */
function callOf({ tool_call_id: id, name }: ToolMessage, given: readonly BaseMessage[]) {
  const calls = given.flatMap((one) => (AIMessage.isInstance(one) ? (one.tool_calls ?? []) : []));
  return calls.findLast((call) => call.id === id) ?? { id, name: name ?? "unknown", args: {} };
}

/** LangGraph puts a message in the place of that which has its id. */
function inPlaceOf<M extends BaseMessage>({ id }: BaseMessage, message: M): M {
  if (id !== undefined) message._updateId(id);
  return message;
}

/** Of a message that was changed in place, others may hold the very object. */
function putInto(message: BaseMessage, judged: BaseMessage): void {
  if (judged === message) return;
  const { content } = judged;
  writeContent(
    message,
    ToolMessage.isInstance(message) && message.artifact === undefined ? content : { content },
  );
  setField(message, "response_metadata", judged.response_metadata);
}

/** What a hook writes: its result, or that within a control action. */
function updateIn(result: unknown): object {
  if (typeof result !== "object" || result === null) return {};
  if (!isTerminating(result)) return result;
  return typeof result.result === "object" && result.result !== null ? result.result : {};
}

function withUpdate(result: unknown, update: object): object {
  if (typeof result === "object" && result !== null && isTerminating(result))
    return { ...result, result: update };
  return update;
}

function isTerminating(result: object): result is { readonly result?: unknown } {
  return "type" in result && result.type === "terminate";
}

function messagesIn(state: unknown): readonly unknown[] {
  if (typeof state !== "object" || state === null || !("messages" in state)) return [];
  return state.messages === undefined ? [] : [state.messages].flat();
}

/** As LangGraph takes it. */
function messageFrom(given: unknown): BaseMessage {
  // What is none, LangChain refuses in its own words.
  return BaseMessage.isInstance(given) ? given : coerceMessageLikeToMessage(given as BaseMessageLike);
}
