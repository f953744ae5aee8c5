import {
  NO_CHECKPOINTER,
  notAnswered,
  parseAnswer,
  passOn,
  pauseOnce,
  requestOf,
  unreachable,
  type ApprovalAnswer,
  type ApprovalRequest,
} from "../approval/approval-interrupt.ts";
import type { RunFacts } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";

/** What `interrupt` hands to the application when calls of one turn wait: all of them at once. */
export interface ApprovalRequests {
  readonly kind: "agentplane.approvals";
  readonly requests: readonly ApprovalRequest[];
}

/** A call of the turn that waits for a human. */
export interface WaitingCall {
  readonly approvalId: string;
  readonly message: string;
  readonly decision: Parameters<typeof requestOf>[1]["decision"];
  readonly toolCallId: string | undefined;
}

/**
 * Pauses the graph once for all calls of a turn that wait. The answer is an `ApprovalAnswer` or a list of them; each
 * counts for the approval that it names alone, and who is not answered keeps waiting. LangGraph replays earlier answers
 * in order: those that name other approvals were for calls that are decided by now.
 * @returns Words for the calls that cannot go on, by their approval; the others are to be decided again.
 * @throws GraphInterrupt while nobody has answered.
 */
export async function askForAll(
  { approvals }: GovernedPlane,
  waiting: readonly WaitingCall[],
): Promise<ReadonlyMap<string, string>> {
  const requests = await Promise.all(waiting.map((call) => requestOf(approvals, call, call.toolCallId)));
  const value: ApprovalRequests = { kind: "agentplane.approvals", requests };
  const given = pauseOnce(value);
  if (given === NO_CHECKPOINTER) return worded(waiting, unreachable);
  const answers = parseAnswers(given);
  if (answers === undefined) return worded(waiting, ({ approvalId }) => notAnswered(approvalId));
  const refused = new Map<string, string>();
  for (const answer of answers) {
    if (!waiting.some(({ approvalId }) => approvalId === answer.approvalId)) continue;
    // oxlint-disable-next-line no-await-in-loop -- answers count in their order
    const asked = await passOn(approvals, answer);
    if (!asked.isAnswered) refused.set(answer.approvalId, asked.message);
  }
  return refused;
}

/**
 * Passes over earlier answers to approvals, which LangGraph replays in order: all calls are decided now, and what asks next in
 * this task is the code of a tool, for which an answer of its own comes after them.
 */
export function passAnswers(run: RunFacts): void {
  // LangGraph's own; where it is not as it was, nothing is passed over.
  const pad = run.configurable?.["__pregel_scratchpad"] as Partial<Replayed> | undefined;
  const next = (): unknown => pad?.resume?.[(pad.interruptCounter ?? -1) + 1];
  while (parseAnswers(next()) !== undefined) pauseOnce(undefined);
}

/** What LangGraph keeps of the answers that a task has had, and how many it has given again. */
interface Replayed {
  readonly resume: readonly unknown[];
  readonly interruptCounter: number;
}

function parseAnswers(given: unknown): readonly ApprovalAnswer[] | undefined {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const answers = list.flatMap((one) => parseAnswer(one) ?? []);
  return answers.length === list.length && answers.length > 0 ? answers : undefined;
}

function worded(
  waiting: readonly WaitingCall[],
  words: (call: WaitingCall) => string,
): ReadonlyMap<string, string> {
  return new Map(waiting.map((call) => [call.approvalId, words(call)]));
}
