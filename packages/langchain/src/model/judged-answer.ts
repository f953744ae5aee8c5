import type { AIMessage } from "@langchain/core/messages";
import type { ModelRequest } from "langchain";

import { modelContext } from "../call/context.ts";
import { modelRefusal } from "../call/enforce.ts";
import { MODEL_RESULT } from "../content/model-result.ts";
import { namesOf, offeredTools, offerOf } from "../offer/visible-tools.ts";
import { governedModelCall, type ModelGate } from "./model-gate.ts";
import { notedCommands, takeBack } from "./own-commands.ts";

/**
 * What other middleware has answered, judged where it is not what the plane has judged: made without asking the model through
 * us, it is judged as a call's; changed afterwards, it is judged again.
 * @param how.isCharged Whether what an answer of its own took was charged when it was made.
 */
export async function judgedAnswer(
  gate: ModelGate,
  request: ModelRequest,
  answer: AIMessage,
  { isCharged }: { readonly isCharged: boolean },
): Promise<AIMessage> {
  const hasAsked = gate.calls.hasStarted(request.runtime);
  const withheld = await withheldReplaced(gate, request, answer);
  if (withheld !== undefined) {
    takeBack(answer);
    return withheld;
  }
  if (hasAsked) return judgedAgain(gate, request, answer);
  const judged = await governedModelCall(gate, request, () => answer, { isCharged });
  if (judged !== answer) takeBack(answer);
  return judged;
}

/**
 * Judges Commands that wrappers have put something else in the place of: createAgent has noted them, and carries them out
 * beside the answer.
 * @returns What stands for all of it where one is withheld.
 */
async function withheldReplaced(
  gate: ModelGate,
  request: ModelRequest,
  answer: unknown,
): Promise<AIMessage | undefined> {
  let withheld: AIMessage | undefined;
  for (const { command, isAnswered } of notedCommands(request.runtime)) {
    if (command === answer) continue;
    // Whatever the types say, a Command is an answer, too.
    const given = command as unknown as AIMessage;
    const judging = isAnswered
      ? judgedAgain(gate, request, given)
      : governedModelCall(gate, request, () => given, { isCharged: true });
    // oxlint-disable-next-line no-await-in-loop -- in the order in which they came
    const judged = await judging;
    if (judged === given) continue;
    takeBack(command);
    withheld ??= judged;
  }
  return withheld;
}

async function judgedAgain(gate: ModelGate, request: ModelRequest, answer: AIMessage): Promise<AIMessage> {
  const { plane, identity, answers } = gate;
  const { configurable } = request.runtime;
  if (answers.isGiven(configurable, () => MODEL_RESULT.read(answer))) return answer;
  const offered = { tools: namesOf(offeredTools(offerOf(request))), callId: undefined };
  const call = answers.admissionOf(configurable) ?? modelContext(identity, request, offered);
  const judged = await plane.guard.judgeAgain(call, { result: answer, codec: MODEL_RESULT });
  if (judged.status === "ran") return judged.result;
  takeBack(answer);
  return modelRefusal(judged);
}
