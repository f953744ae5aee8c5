import { digestOf } from "@agentplane/core";
import type { ModelResponse } from "@openai/agents";

import { recordOf, textOf } from "../protocol/json.ts";
import { runningTurn } from "./running-context.ts";

// Some models number their calls anew in each conversation, or in each answer: an approval of "call_0" would answer for the
// "call_0" of everybody else. So a call goes by the answer that makes it, too. What names an answer is a part of a saved
// state: a run that goes on makes the very same call. So does one that comes to the same answer in the same way.

/** A model's answer, and what ends a stream of one. */
export interface TurnAnswer {
  readonly output: ModelResponse["output"];
  readonly requestId?: string | undefined;
}

/**
 * An answer that makes calls, under a name that no other has: where the provider does not name its requests, by what was
 * said up to it.
 * @param history What the model was sent.
 */
export function withTurnName<Answer extends TurnAnswer>(answer: Answer, history: unknown): Answer {
  const isNamed = answer.requestId !== undefined || !answer.output.some((item) => "callId" in item);
  return isNamed ? answer : { ...answer, requestId: `agentplane-${digestOf([history, answer.output])}` };
}

/** The name of an answer, whose `responseId` is a stream's `id`; undefined where it has none and makes no calls. */
export function turnOf(answer: unknown): string | undefined {
  const { responseId, id, requestId } = recordOf(answer) ?? {};
  const names = [textOf(responseId ?? id), textOf(requestId)].filter((name) => name !== undefined);
  return names.length === 0 ? undefined : names.join("/");
}

/** The last turn of a saved state: its calls are those that go on. */
export function turnOfState(state: object): string | undefined {
  const last: unknown = Reflect.get(state, "_lastTurnResponse") ?? Reflect.get(state, "lastModelResponse");
  return turnOf(last);
}

/** The plane's id of a call that the last turn of the run made. */
export function idInTurn(callId: string, turn: string | undefined): string {
  return callId === "" || turn === undefined ? callId : `${turn}/${callId}`;
}

/** How a call that runs here is known: to the plane, and to the SDK. */
export function idsOf(callId: string | undefined): {
  readonly callId: string | undefined;
  readonly nativeId?: string;
} {
  if (callId === undefined) return { callId };
  return { callId: idInTurn(callId, runningTurn()), nativeId: callId };
}
