import type { Admission, Decision, GuardInit, Outcome } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import { actingAgent, type KnownAgent } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";
import type { CallMemory } from "./call-memory.ts";
import { isApprovedNatively, passOn } from "./native-approval.ts";
import { NestedPause } from "./nested-run.ts";

/** Who governs the tools of an agent. */
export interface ToolGovernor {
  readonly plane: AgentsPlane;
  readonly agent: KnownAgent;
  readonly memory: CallMemory;
}

/** A call of something that runs here. */
export interface LocalCall {
  readonly tool: { readonly name: string; readonly server?: string; readonly originalName?: string };
  readonly input: unknown;
  readonly callId: string | undefined;
  /** The SDK's own id, where several calls share one: a human approves them all. */
  readonly nativeId?: string;
  readonly context: RunContext | undefined;
}

/** What a call is, in the plane's words. */
export function describeCall(
  { agent }: ToolGovernor,
  { tool, input, callId, context }: LocalCall,
): GuardInit {
  return {
    hookpoint: "before_tool_call",
    ...actingAgent(agent, context),
    ...(callId !== undefined && callId !== "" && { callId }),
    tool: { ...tool, input },
  };
}

/**
 * Whether a human must be asked before the SDK executes. A call that is blocked asks nobody: it is refused when it runs.
 * @param own Whether the tool itself wants an approval.
 */
export async function needsHuman(
  governor: ToolGovernor,
  call: LocalCall,
  own: () => Promise<boolean>,
): Promise<boolean> {
  // Where the plane could ask nobody about it, all it would say is no, and it says so when the call runs.
  const isOwn = couldAsk(governor, call) ? undefined : await own();
  if (isOwn === false) return false;
  const { effect, message, approvalId } = await governor.plane.guard.ask(describeCall(governor, call));
  governor.memory.note(call.callId, {
    context: call.context,
    ...(effect === "block" && { refusal: message }),
    ...(approvalId !== undefined && { approvalId }),
  });
  // An application asks for the approval by the SDK's id.
  if (approvalId !== undefined && call.nativeId !== undefined && call.nativeId !== call.callId)
    governor.memory.noteFirst(call.nativeId, { approvalId });
  if (effect === "block") return false;
  return effect === "ask" || (isOwn ?? own());
}

/** Most planes ask about no call at all, which is known without saying what the call is. */
function couldAsk(governor: ToolGovernor, call: LocalCall): boolean {
  const { engine, guard } = governor.plane;
  return (
    engine.couldAsk() && engine.couldAsk(guard.context(describeCall(governor, { ...call, input: undefined })))
  );
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
  const decided = (): Promise<Outcome<R>> | Outcome<R> =>
    plane.guard.toolCall<R>({
      context: describeCall(governor, call),
      run,
      isControlFlow: (error) => error instanceof NestedPause,
    });
  const isAsked = askedBefore(governor, call);
  const outcome = await decided();
  if (outcome.status !== "pending" || !(await isAsked(outcome.approvalId))) {
    if (outcome.status !== "ran") onDenied?.(outcome.decision);
    return governedOf(outcome);
  }
  const passed = await passOn(plane, outcome.approvalId, agent.identity.approver ?? "openai-agents client");
  return passed.isAccepted ? governedOf(await decided()) : { isRun: false, message: passed.message };
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
    return async () => false;
  const asked = memory.approvalIdOf(callId);
  // Another process asked: its question is older than this execution, on the plane's clock. Of the same ms nobody knows.
  const { nowMs } = plane.guard.context({ hookpoint: "before_agent", agent: agent.name });
  return async (approvalId) => {
    if (!isApprovedNatively(context, tool.name, nativeId)) return false;
    if (asked !== undefined) return asked === approvalId;
    const approval = await plane.approvals.get(approvalId);
    return approval !== undefined && approval.createdAtMs < nowMs;
  };
}

function governedOf<R>(outcome: Outcome<R>): Governed<R> {
  if (outcome.status === "ran") return { isRun: true, result: outcome.result };
  return { isRun: false, message: outcome.message };
}
