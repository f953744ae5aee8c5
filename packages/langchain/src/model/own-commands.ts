import { AIMessage } from "@langchain/core/messages";
import { isCommand, type Command } from "@langchain/langgraph";
import type { AnyAgentMiddleware } from "langchain";

import type { RunFacts } from "../call/identity.ts";
import { isPlainObject } from "../content/message-content.ts";

type WrapModelCall = NonNullable<AnyAgentMiddleware["wrapModelCall"]>;

/**
 * The middleware beside the outer gate. createAgent notes each Command that a wrapper of model calls returns, for good:
 * one without any answer of a model reaches the wrapper around it as it is, would be noted a second time when that passes
 * it on, and could not be withheld. So the outermost one comes to the gate in a form that createAgent does not note, and is
 * noted once it was judged; the gate is told of the others, which the wrappers around them may have put something else in
 * the place of.
 * @param middleware Those that the gate surrounds; not changed.
 */
export function withUnnotedCommands(middleware: readonly AnyAgentMiddleware[]): AnyAgentMiddleware[] {
  const outermost = middleware.findIndex(({ wrapModelCall }) => wrapModelCall !== undefined);
  return middleware.map((one, at) => watched(one, at === outermost));
}

/** A Command that createAgent will carry out beside the answer. */
interface Noted {
  readonly command: Command;
  /** Whether it was made of an answer, which was judged. */
  readonly isAnswered: boolean;
}

/** What createAgent has noted in a turn, by the object that LangGraph makes for the turn. */
const NOTED = new WeakMap<object, Noted[]>();

/** Commands that createAgent has noted in this turn, each once. */
export function notedCommands({ configurable }: RunFacts): readonly Noted[] {
  return (configurable && NOTED.get(configurable)) ?? [];
}

/** The turn begins, or is over. */
export function forgetCommands({ configurable }: RunFacts): void {
  if (configurable !== undefined) NOTED.delete(configurable);
}

function note({ configurable }: RunFacts, noted: Noted): void {
  if (configurable === undefined) return;
  const known = NOTED.get(configurable);
  if (known === undefined) NOTED.set(configurable, [noted]);
  else if (!known.some(({ command }) => command === noted.command)) known.push(noted);
}

function watched(middleware: AnyAgentMiddleware, isOutermost: boolean): AnyAgentMiddleware {
  const { wrapModelCall } = middleware;
  if (wrapModelCall === undefined) return middleware;
  const wrapped: WrapModelCall = async (request, handler) => {
    let isAnswered = false;
    const answer = await wrapModelCall.call(middleware, request, async (given) => {
      const answered = await handler(given);
      isAnswered ||= AIMessage.isInstance(answered);
      return answered;
    });
    if (!isCommand(answer)) return answer;
    // What createAgent takes for a structured response, it only hands on.
    if (isOutermost && !isAnswered) return new OwnCommand(answer) as unknown as AIMessage;
    note(request.runtime, { command: answer, isAnswered });
    return answer;
  };
  // A class of its own may have private members, which a copy lacks.
  return new Proxy(middleware, {
    get: (target, name) => (name === "wrapModelCall" ? wrapped : Reflect.get(target, name, target)),
  });
}

class OwnCommand {
  readonly structuredResponse = undefined;
  readonly messages = [];
  readonly command: Command;

  constructor(command: Command) {
    this.command = command;
  }
}

/** What the middleware beside the gate has really answered. */
export function judgeable(answer: AIMessage): AIMessage {
  const given: unknown = answer;
  // Whatever the types say, a Command is an answer, too.
  return given instanceof OwnCommand ? (given.command as unknown as AIMessage) : answer;
}

/**
 * Takes back a Command that is withheld. Behind a wrapper that passed it on, createAgent has noted it for good: nothing of it
 * may be written or gone to.
 * @param answer What was judged; changed where it is a Command.
 */
export function takeBack(answer: unknown): void {
  if (isCommand(answer)) Object.assign(answer, { update: undefined, goto: [], graph: undefined });
}

/** The message of an answer, which may be a Command that writes one. */
export function messageIn(answer: unknown): AIMessage | undefined {
  if (AIMessage.isInstance(answer)) return answer;
  if (!isCommand(answer) || !isPlainObject(answer.update)) return undefined;
  const { messages } = answer.update;
  return [messages].flat().findLast((one) => AIMessage.isInstance(one));
}
