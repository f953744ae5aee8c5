import {
  AgentplaneError,
  type Admission,
  type Decision,
  type GuardedContext,
  type GuardInit,
  type Outcome,
} from "@agentplane/core";

import { isSameJson } from "../protocol/json.ts";
import { actingAgent, type KnownAgent } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";
import type { CallMemory } from "./call-memory.ts";
import { isAlwaysApproved, isApprovedNatively, passOn } from "./native-approval.ts";
import { isOwnQuestion, isUnasked, noteQuestion, UNASKED, type MaybeOwnQuestion } from "./own-questions.ts";
import { NestedPause } from "./nested-run.ts";

/** Who governs the tools of an agent. */
export interface ToolGovernor {
  readonly plane: AgentsPlane;
  readonly agent: KnownAgent;
  readonly memory: CallMemory;
}

/** A call of something that runs here. */
export interface LocalCall extends MaybeOwnQuestion {
  readonly tool: { readonly name: string; readonly server?: string; readonly originalName?: string };
  readonly input: unknown;
}

/**
 * What a call is, in the plane's words. Of no other call, in no other conversation, a human's yes to it says anything.
 * @param input The call's own, or the copy of it that the plane has made before: of that it makes no other.
 */
export function describeCall(
  { agent }: ToolGovernor,
  { tool, input: own, callId, context }: LocalCall,
  input: unknown = own,
): GuardInit {
  const { server, originalName } = tool;
  const isNamed = callId !== undefined && callId !== "";
  return {
    ...actingAgent(agent, context),
    hookpoint: "before_tool_call",
    callId: isNamed ? callId : undefined,
    approvalFor: isNamed ? "call" : undefined,
    tool: { name: tool.name, server, originalName, input },
  };
}

/** The copy of a call's input that is in the question about it. */
function inputRead(question: GuardedContext | undefined): unknown {
  return typeof question?.tool === "object" ? question.tool.input : undefined;
}

/** Whether a human must be asked before the SDK executes. A call that is blocked asks nobody: it is refused when it runs. */
export async function needsHuman(governor: ToolGovernor, call: LocalCall): Promise<boolean> {
  const { plane, memory } = governor;
  // Where the plane could ask nobody about it, all it would say is no, and it says so when the call runs.
  const question = questionOf(governor, call);
  const isOwn = question === undefined ? await isOwnQuestion(call) : undefined;
  if (isOwn === false) return memory.noteFree(call);
  const asked = plane.guard.ask(question ?? describeCall(governor, call));
  const { effect, message, approvalId } = "then" in asked ? await asked : asked;
  memory.note(call.callId, {
    context: call.context,
    ...(effect === "block" && { refusal: message }),
    ...(approvalId !== undefined && { approvalId, isShown: isShownWhenAsked(call) }),
  });
  if (approvalId !== undefined && call.nativeId !== undefined) memory.noteNative(call.nativeId, approvalId);
  if (effect === "block") return false;
  if (effect === "ask") return true;
  if (!(isOwn ?? (await isOwnQuestion(call)))) return memory.noteFree(call, inputRead(question));
  await noteQuestion(plane, knownQuestion(governor, call));
  return true;
}

/** Whether the SDK will ask a human about a call: it does not where one has approved all calls of the tool before. */
export function isShownWhenAsked({ context, tool }: LocalCall): boolean {
  return context !== undefined && !isAlwaysApproved(context, tool.name);
}

function knownQuestion(governor: ToolGovernor, call: LocalCall) {
  return { call, toolName: call.tool.name, described: describeCall(governor, call) };
}

/**
 * The call as the plane may be asked about it; undefined where it could ask nobody. Most planes ask about no call at all,
 * which is known without saying what the call is.
 */
function questionOf(governor: ToolGovernor, call: LocalCall): GuardedContext | undefined {
  const { engine, guard } = governor.plane;
  if (!engine.couldAsk()) return undefined;
  const described = describeCall(governor, call);
  try {
    const context = guard.context(described);
    return engine.couldAsk(context) ? context : undefined;
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "content_refused") throw error;
    // Of a description the plane records that it cannot be read.
    return described;
  }
}

/** What became of a call: its result, or the words that the model reads instead. */
export type Governed<R> =
  | { readonly isRun: true; readonly result: R }
  | { readonly isRun: false; readonly message: string };

/**
 * Decides at the moment of execution, runs, and judges the result. A call that was approved through the SDK is put to the
 * plane with that approval, once.
 * @param run Executes what was admitted.
 * @param options `onDenied` hears of the decision that keeps the call from running.
 * @throws NestedPause when an agent inside the tool waits for a human: the call is kept, to go on with later
 */
export async function runGoverned<R>(
  governor: ToolGovernor,
  call: LocalCall,
  run: (admitted: Pick<Admission, "input" | "isInputChanged" | "signal">) => Promise<R>,
  { onDenied }: { readonly onDenied?: (decision: Decision) => void } = {},
): Promise<Governed<R>> {
  const { plane, memory, agent } = governor;
  const refusal = memory.takeRefusal(call);
  if (refusal !== undefined) return { isRun: false, message: refusal };
  const free = memory.takeFree(call);
  if (free === undefined && (await isUnasked(plane, knownQuestion(governor, call))))
    return { isRun: false, message: UNASKED };
  const context = describeCall(
    governor,
    call,
    isSameJson(call.input, free?.input) ? free?.input : call.input,
  );
  const decided = (): Promise<Outcome<R>> | Outcome<R> =>
    plane.guard.toolCall<R>({ context, run, isControlFlow: isPause });
  // Of what was free a moment ago nobody was asked.
  const isAsked = free === undefined ? askedBefore(governor, call) : notAsked;
  const outcome = await decided();
  if (outcome.status !== "pending" || !(await isAsked(outcome.approvalId))) {
    if (outcome.status !== "ran") onDenied?.(outcome.decision);
    return governedOf(outcome);
  }
  const passed = await passOn(plane, outcome.approvalId, agent.identity.approver ?? "openai-agents client");
  return passed.isAccepted ? governedOf(await decided()) : { isRun: false, message: passed.message };
}

function isPause(error: unknown): boolean {
  return error instanceof NestedPause;
}

async function notAsked(): Promise<boolean> {
  return false;
}

/**
 * An approval is good for the question that was asked: one that came after it, for a retry, is another.
 * @returns Whether a human said yes through the SDK to this question; made before the plane may ask anew.
 */
function askedBefore(
  { memory, plane, agent }: ToolGovernor,
  { tool, context, callId, nativeId = callId }: LocalCall,
): (approvalId: string) => Promise<boolean> {
  // Read at once: what asks although nothing could ask a moment ago was asked of nobody before.
  if (!plane.engine.couldAsk() || context === undefined || callId === undefined || nativeId === undefined)
    return notAsked;
  const asked = memory.approvalIdOf(callId);
  const shown = memory.shownIn({ callId, context });
  // Another process asked: its question is older than this execution, on the plane's clock. Of the same ms nobody knows.
  const { nowMs } = plane.guard.context({ hookpoint: "before_agent", agent: agent.name });
  return async (approvalId) => {
    // A yes to this call and all later ones is one to this call, where a human has seen it.
    if (!isApprovedNatively(context, tool.name, nativeId))
      return shown === approvalId && isAlwaysApproved(context, tool.name);
    if (asked !== undefined) return asked === approvalId;
    const approval = await plane.approvals.get(approvalId);
    return approval !== undefined && approval.createdAtMs < nowMs;
  };
}

function governedOf<R>(outcome: Outcome<R>): Governed<R> {
  if (outcome.status === "ran") return { isRun: true, result: outcome.result };
  return { isRun: false, message: outcome.message };
}
