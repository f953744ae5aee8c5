import type { ResultCodec } from "@agentplane/core";
import type { ToolMessage } from "@langchain/core/messages";
import {
  isCommand,
  isParentCommand,
  type Command,
  type ParentCommand,
  type Send,
} from "@langchain/langgraph";

import { isPlainObject, type PlainObject } from "./message-content.ts";
import { readResult, writeResult } from "./result-content.ts";

/** What a tool gives to an agent. */
export type ToolResult = ToolMessage | Command;

/** A tool that ended by a Command for the graph around its agent: LangGraph throws it, and it is a result all the same. */
export class LeftByCommand {
  readonly error: ParentCommand;

  constructor(error: ParentCommand) {
    this.error = error;
  }
}

/**
 * Runs a tool of which also what it throws towards the graph around is judged.
 * @throws What is no such Command.
 */
export async function asResult<R>(run: () => R | PromiseLike<R>): Promise<R | LeftByCommand> {
  try {
    return await run();
  } catch (error) {
    return resultIn(error);
  }
}

/**
 * What a tool that threw this has given.
 * @throws What is no such Command.
 */
export function resultIn(error: unknown): LeftByCommand {
  if (isParentCommand(error)) return new LeftByCommand(error);
  throw error;
}

/** @throws What the tool threw, once it was judged. */
export function leaveBy<R>(result: R | LeftByCommand): R {
  if (result instanceof LeftByCommand) throw result.error;
  return result;
}

/** Redaction reaches the message's content, artifact and metadata, and all that a Command writes or sends to nodes. */
export const TOOL_RESULT: ResultCodec<ToolResult | LeftByCommand> = {
  read: (result) => readResult(partsOf(result)),
  write(result, content) {
    const written = writeResult(partsOf(result), content);
    const command = commandIn(result);
    if (command === undefined) return written as ToolMessage;
    const sends = sendsOf(command);
    if (sends.length === 0) {
      command.update = written as NonNullable<Command["update"]>;
      return result;
    }
    const { [SENT]: sent, ...update } = isPlainObject(written) ? written : { update: written };
    const args: readonly unknown[] = Array.isArray(sent) ? sent : [];
    for (const [at, send] of sends.entries()) send.args = args[at] ?? {};
    // What is written back has the shape of what was read.
    if (command.update !== undefined)
      command.update = (canHold(command.update) ? update : update["update"]) as typeof command.update;
    return result;
  },
};

/** Where what a Command sends to nodes stands, beside what it writes. */
const SENT = "sent";

function partsOf(result: ToolResult | LeftByCommand): unknown {
  const command = commandIn(result);
  if (command === undefined) return result;
  const { update } = command;
  const sends = sendsOf(command);
  if (sends.length === 0) return update;
  const sent = sends.map(({ args }) => args as unknown);
  if (update === undefined) return { [SENT]: sent };
  // Beside the members, so that the paths which policies name stay what they are.
  return canHold(update) ? { ...update, [SENT]: sent } : { update, [SENT]: sent };
}

function canHold(update: unknown): update is PlainObject {
  return isPlainObject(update) && !(SENT in update);
}

function commandIn(result: ToolResult | LeftByCommand): Command | undefined {
  if (result instanceof LeftByCommand) return result.error.command;
  return isCommand(result) ? result : undefined;
}

function sendsOf({ goto }: Command): readonly Send[] {
  return [goto ?? []].flat().filter((one) => typeof one !== "string");
}
