import { AIMessage, ToolMessage, type BaseMessage, type ToolCall } from "@langchain/core/messages";
import { isCommand, isGraphBubbleUp } from "@langchain/langgraph";
import {
  createMiddleware,
  type AgentMiddleware,
  type ModelRequest,
  type ToolCallHandler,
  type ToolCallRequest,
  type WrapModelCallHandler,
} from "langchain";

import type { AgentRuns } from "../run/agent-runs.ts";
import type { LiveRun } from "../run/live-run.ts";
import { forgetPause, throwNoted } from "../approval/noted-pauses.ts";
import { withAnsweredCalls } from "../approval/answered-calls.ts";
import { withBareErrors } from "../call/bare-errors.ts";
import { forgetCommands, judgeable, messageIn, notedCommands, takeBack } from "./own-commands.ts";
import { modelRefusal, refusalError, toolRefusal } from "../call/enforce.ts";
import { meterNode } from "../nested/metered.ts";
import type { RunFacts } from "../call/identity.ts";
import { judgedAnswer } from "./judged-answer.ts";
import type { ModelGate } from "./model-gate.ts";
import type { NestedCallHandler } from "../nested/nested-calls.ts";
import type { OnBlock } from "../call/settings.ts";
import { endBy } from "../run/seen-hooks.ts";
import { toldOfAll } from "../call/told-of-all.ts";
import { judgedResult } from "../tool/judged-result.ts";
import type { ToolGate } from "../tool/tool-gate.ts";
import type { TurnResults } from "../tool/turn-results.ts";
import type { ToolResult } from "../content/tool-result.ts";
import { withVisibleTools } from "../offer/visible-tools.ts";
import { isWaitingCall, noteWaiting } from "../approval/waiting-calls.ts";

/** What surrounds the other middleware. */
export interface Surrounding extends ModelGate {
  /** How a result is judged that other middleware gives itself, without running the tool. */
  readonly tools: ToolGate;
  readonly turns: TurnResults;
  readonly runs: AgentRuns;
  /** What a model call or a run becomes that is blocked. */
  readonly onBlock: OnBlock;
  /** Makes what governs the calls that other middleware makes on its own; undefined where none of it wraps model calls. */
  readonly nested: (() => NestedCallHandler) | undefined;
}

/**
 * Surrounds the other middleware, which sees only the tools that may run, and judges an answer that one of them gives
 * itself, without asking the model; decides runs at their first model call and judges them at their last. Belongs first
 * in the list.
 */
export function modelInterception(name: string, gate: Surrounding): AgentMiddleware {
  return createMiddleware({
    name,
    wrapModelCall: withBareErrors(async (request, handler) => {
      const answer = await stepOfRun(gate, request, handler);
      // Outside of everything that would take the error for a failure, and try again or elsewhere.
      const error = gate.onBlock === "throw" ? refusalError(answer) : undefined;
      if (error !== undefined) throw error;
      return answer;
    }),
    wrapToolCall: (request, handler) => callOfTurn(gate, request, handler),
  });
}

/** One turn of the model within a run, which may be its first and its last. */
async function stepOfRun(
  gate: Surrounding,
  given: ModelRequest,
  handler: WrapModelCallHandler,
): Promise<AIMessage> {
  const { messages, runtime } = given;
  const begun = await gate.runs.begin({ messages, runtime, isTurn: true });
  if ("refusal" in begun) return modelRefusal(begun.refusal);
  const { run } = begun;
  forgetCommands(runtime);
  let answer: AIMessage;
  try {
    // The very list where nothing was rewritten: langchain's context editing writes into it.
    const request = begun.messages === messages ? given : { ...given, messages: [...begun.messages] };
    answer = await surrounded(gate, request, handler);
  } catch (error) {
    await run.end(endBy(error));
    throw error;
  }
  if (goesOn(answer)) {
    await run.leave();
    return answer;
  }
  const withheld = await run.end({ answer: lastWords(answer, runtime) });
  // Words of ours about the very call say more than those about its run.
  if (withheld === undefined || refusalError(answer) !== undefined) return answer;
  takeBack(answer);
  for (const { command } of notedCommands(runtime)) takeBack(command);
  return modelRefusal(withheld);
}

/** What a run ends with: its answer, and what Commands of wrappers say after it. */
function lastWords(answer: AIMessage, runtime: RunFacts): AIMessage {
  const own = messageIn(answer);
  // A structured response, whatever the types say, is the last one, too, and nothing is said after it.
  if (own === undefined && !isCommand(answer)) return answer;
  const others = notedCommands(runtime).filter(({ command }) => command !== (answer as unknown));
  const said = others.map(({ command }) => messageIn(command)).filter((one) => one !== undefined);
  if (said.length === 0) return own ?? answer;
  // Judged only, and never written.
  return new AIMessage([...(own === undefined ? [] : [own]), ...said].map(({ text }) => text).join("\n\n"));
}

/** Whether tools follow, or what a Command sends the run to. */
function goesOn(answer: unknown): boolean {
  if ((messageIn(answer)?.tool_calls ?? []).length > 0) return true;
  return isCommand(answer) && [answer.goto ?? []].flat().length > 0;
}

/**
 * One call of a tool within a run: the first one, where a run goes on with the call at which it paused. Where it pauses
 * because of the plane, that is known when its turn is given up.
 */
async function callOfTurn(
  gate: Surrounding,
  request: ToolCallRequest,
  handler: ToolCallHandler,
): Promise<ToolResult> {
  const { runtime, toolCall, state } = request;
  let running: LiveRun | undefined;
  try {
    const begun = await gate.runs.begin({ messages: state.messages, runtime });
    if ("refusal" in begun) return toolRefusal(begun.refusal, toolCall);
    running = begun.run;
    const result = await gate.turns.once(request, () => judgedResult(gate.tools, request, handler));
    running = undefined;
    return await leftRun(begun.run, request, result);
  } catch (error) {
    if (running !== undefined) await endedByCall(running, error);
    await noteWaiting({ ...gate, run: runtime, toolCall, messages: state.messages }, error);
    throw error;
  }
}

/** A call of a run threw. */
async function endedByCall(run: LiveRun, error: unknown): Promise<void> {
  const ended = run.end(endBy(error));
  // Calls that pause side by side do so in their order: the first is not to wait for the record.
  if (isGraphBubbleUp(error)) ended.catch(() => undefined);
  else await ended;
}

/** What a call gives to its run, which goes on, or ends with it. */
function leftRun(
  run: LiveRun,
  request: ToolCallRequest,
  result: ToolResult,
): ToolResult | Promise<ToolResult> {
  if (isLastWord(request, result)) {
    const withheld = run.end({ answer: result });
    return withheld.then((denied) => (denied === undefined ? result : toolRefusal(denied, request.toolCall)));
  }
  const left = run.leave();
  return left === undefined ? result : left.then(() => result);
}

/**
 * What a tool that returns directly gives, after all other results of the turn, ends the run: the model is not asked
 * again. An error does not.
 */
function isLastWord({ tool, toolCall, state }: ToolCallRequest, result: ToolResult): result is ToolMessage {
  if (tool === undefined || !("returnDirect" in tool) || tool.returnDirect !== true) return false;
  if (!ToolMessage.isInstance(result) || result.status === "error") return false;
  const turn = state.messages.findLast((one) => AIMessage.isInstance(one));
  return turn?.tool_calls?.at(-1)?.id === toolCall.id;
}

function withAnswers(gate: Surrounding, request: ModelRequest): ModelRequest | Promise<ModelRequest> {
  const isWaiting = (toolCall: ToolCall, messages: BaseMessage[]): Promise<boolean> =>
    isWaitingCall({ ...gate, run: request.runtime, toolCall, messages });
  const messages = withAnsweredCalls(request.messages, isWaiting);
  if (messages === request.messages) return request;
  return Promise.resolve(messages).then((answered) => ({ ...request, messages: answered }));
}

async function surrounded(
  gate: Surrounding,
  given: ModelRequest,
  handler: WrapModelCallHandler,
): Promise<AIMessage> {
  const { calls } = gate;
  const complete = withAnswers(gate, given);
  const answered = complete instanceof Promise ? await complete : complete;
  const nested = gate.nested?.();
  // Where no other middleware sees the request, what may be offered is found out once, at the provider's side of it.
  const request = nested === undefined ? answered : await withVisibleTools(gate, answered);
  if (nested !== undefined) meterNode(nested);
  let isPaused = false;
  try {
    const answer = judgeable(await toldOfAll(nested, () => answerBehind(gate, request, handler)));
    return await judgedAnswer(gate, request, answer, { isCharged: nested?.hasAskedModel === true });
  } catch (error) {
    isPaused = isGraphBubbleUp(error);
    throw error;
  } finally {
    calls.end(request.runtime, isPaused);
  }
}

/** What all other middleware gives. */
async function answerBehind(
  { plane }: Surrounding,
  request: ModelRequest,
  handler: WrapModelCallHandler,
): Promise<AIMessage> {
  const { configurable } = request.runtime;
  forgetPause(plane, configurable);
  let answer: AIMessage;
  try {
    answer = await handler(request);
  } catch (error) {
    throwNoted(plane, configurable);
    throw error;
  }
  throwNoted(plane, configurable);
  return answer;
}
