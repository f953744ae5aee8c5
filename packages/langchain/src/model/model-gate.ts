import type { Admission, GuardInit } from "@agentplane/core";
import type { Callbacks } from "@langchain/core/callbacks/manager";
import type { AIMessage } from "@langchain/core/messages";
import { isGraphBubbleUp } from "@langchain/langgraph";
import type { ModelRequest, WrapModelCallHandler } from "langchain";

import { askByInterrupt } from "../approval/approval-interrupt.ts";
import { notePause, throwNoted } from "../approval/noted-pauses.ts";
import { modelContext } from "../call/context.ts";
import { ANSWER, BrokenOff } from "../content/broken-off.ts";
import { runModel } from "../observed/cut-signal.ts";
import { modelRefusal } from "../call/enforce.ts";
import { isHeldBack, showingOf, type Showing } from "../shown/held-back.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import type { JudgedCalls } from "../call/judged-calls.ts";
import { joinBlocks } from "../content/joined-blocks.ts";
import { describeModel, usageOf } from "../call/model-facts.ts";
import { dropTokens } from "../content/log-probabilities.ts";
import { observeModel, type ObservedCall } from "../observed/observed-call.ts";
import { messageIn } from "./own-commands.ts";
import { withOutputLimit } from "../offer/output-limit.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { MODEL_RESULT } from "../content/model-result.ts";
import { withPrompt } from "../content/prompt.ts";
import type { AllowedAnswer, ProviderCalls } from "../call/provider-calls.ts";
import { toldAtEnd, type Observing } from "../observed/told-at-end.ts";
import { namesOf, offeredTools, offerOf, withVisibleTools } from "../offer/visible-tools.ts";

/** What the decision about a model call needs. */
export interface ModelGate {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly calls: ProviderCalls;
  /** By LangGraph's `configurable` of each turn. */
  readonly answers: JudgedCalls;
}

/**
 * Puts one call of a provider to the plane: the request as it will be sent, each attempt anew. Asks a human as often as
 * the plane finds that one is needed.
 * @param handler Asks the provider, nothing in between.
 * @param answer.isCharged Whether what the answer took was charged when it was made. Default false.
 */
export async function governedModelCall(
  gate: ModelGate,
  given: ModelRequest,
  handler: WrapModelCallHandler,
  { isCharged = false }: { readonly isCharged?: boolean } = {},
): Promise<AIMessage> {
  const { plane, answers } = gate;
  const { configurable } = given.runtime;
  answers.put(configurable);
  throwNoted(plane, configurable);
  let answer: AIMessage;
  try {
    answer = await providerCall(gate, given, { handler, isCharged });
  } catch (error) {
    notePause(plane, configurable, error);
    throw error;
  }
  answers.give(configurable, () => MODEL_RESULT.read(answer));
  // In the place of a Command createAgent hands wrappers its message.
  const message = messageIn(answer);
  if (message !== undefined && message !== answer)
    answers.give(configurable, () => MODEL_RESULT.read(message));
  return answer;
}

async function providerCall(
  gate: ModelGate,
  given: ModelRequest,
  { handler, isCharged }: Pick<ModelCall, "handler" | "isCharged">,
): Promise<AIMessage> {
  const request = await withVisibleTools(gate, given);
  const call = gate.calls.start(request.runtime);
  const offered = { tools: namesOf(offeredTools(offerOf(request))), callId: call.callId };
  const context = modelContext(gate.identity, request, offered);
  let [hasRun, allowed]: [boolean, AllowedAnswer | undefined] = [false, undefined];
  try {
    if (call.allowed !== undefined && (await isStillAllowed(gate.plane, context, call.allowed))) {
      [hasRun, allowed] = [true, call.allowed];
      return call.allowed.answer;
    }
    const { answer, wasAsked } = await decidedCall(gate, {
      context,
      request,
      isCharged,
      async handler(asAdmitted) {
        const answered = await handler(asAdmitted);
        hasRun = true;
        return answered;
      },
    });
    if (wasAsked) allowed = { request: context.model, answer };
    return answer;
  } finally {
    call.end(hasRun, allowed);
  }
}

/** Whether this is the call that a human has allowed and that was made; a stop that came meanwhile wins. */
async function isStillAllowed(
  { guard }: GovernedPlane,
  context: GuardInit,
  { request }: AllowedAnswer,
): Promise<boolean> {
  if (JSON.stringify(request) !== JSON.stringify(context.model)) return false;
  return (await guard.peek(context)).effect !== "block";
}

interface ModelCall {
  readonly context: GuardInit;
  readonly request: ModelRequest;
  readonly handler: WrapModelCallHandler;
  readonly isCharged: boolean;
}

const NOTHING_USED = Object.freeze({ inputTokens: 0, outputTokens: 0 });

interface DecidedAnswer {
  readonly answer: AIMessage;
  /** Whether a human had to allow the call. */
  readonly wasAsked: boolean;
}

async function decidedCall(
  { plane, answers }: ModelGate,
  { context, request, handler, isCharged }: ModelCall,
): Promise<DecidedAnswer> {
  let wasAsked = false;
  // Of a call that nothing looks at, and nothing has changed, handlers are told as the provider told it.
  let [isWritten, isSeen]: [boolean, () => boolean] = [false, () => true];
  const result: typeof ANSWER = {
    read: ANSWER.read,
    write(answer, content) {
      isWritten = true;
      return ANSWER.write(answer, content);
    },
  };
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const outcome = await toldAtEnd(
      (observing) =>
        plane.guard.modelCall<AIMessage | BrokenOff>({
          context,
          run(admission) {
            answers.admit(request.runtime.configurable, admission);
            const showing = showingOf(plane, admission);
            isSeen = () => showing !== "all" || isHeldBack(plane, admission);
            return runAdmitted({ request, handler, admission, showing, observing });
          },
          result,
          usage(answer) {
            if (isCharged) return NOTHING_USED;
            return answer instanceof BrokenOff ? answer.usage : usageOf(answer);
          },
          isError: (answer) => answer instanceof BrokenOff,
          isControlFlow: isGraphBubbleUp,
        }),
      modelRefusal,
      () => !isWritten && !isSeen(),
    );
    if (outcome.status === "ran") {
      if (outcome.result instanceof BrokenOff) throw outcome.result.error;
      // Allowed meanwhile by another way, the call is let through at once.
      wasAsked ||= outcome.decision.approvalId !== undefined;
      return { answer: outcome.result, wasAsked };
    }
    if (outcome.status === "blocked") return { answer: modelRefusal(outcome), wasAsked: false };
    // oxlint-disable-next-line no-await-in-loop
    const asked = await askByInterrupt(plane, outcome);
    if (!asked.isAnswered)
      return { answer: modelRefusal({ ...outcome, message: asked.message }), wasAsked: false };
    wasAsked = true;
  }
}

interface Running {
  readonly request: ModelRequest;
  readonly handler: WrapModelCallHandler;
  readonly admission: Admission;
  readonly showing: Showing;
  readonly observing: Observing;
}

/** Asks the model. What was streamed before it failed, or before the caller left, was used. */
async function runAdmitted({
  request,
  handler,
  admission,
  showing,
  observing,
}: Running): Promise<AIMessage | BrokenOff> {
  let observed: ObservedCall | undefined;
  const observe = (callbacks: Callbacks | undefined): Callbacks | undefined =>
    observing((observed = observeModel(callbacks, showing)));
  try {
    const answer = await runModel(
      { signal: admission.signal, isHeldBack: showing === "nothing", observe },
      async () => handler(await admittedRequest(request, admission)),
    );
    return showing === "all" ? answer : joinBlocks(dropTokens(answer));
  } catch (error) {
    const usage = isGraphBubbleUp(error) ? undefined : observed?.streamed();
    if (usage === undefined) throw error;
    return new BrokenOff(error, usage);
  }
}

/** The request with the prompt as the plane changed it, and no more output than it reserved. */
function admittedRequest(
  request: ModelRequest,
  { isInputChanged, input, context: { model } }: Admission,
): ModelRequest | Promise<ModelRequest> {
  const asAdmitted = isInputChanged ? withPrompt(request, input) : request;
  const limit = model?.maxOutputTokens;
  const { maxOutputTokens: asked = Infinity } = describeModel(request.model, request.modelSettings);
  return limit === undefined || asked <= limit ? asAdmitted : withOutputLimit(asAdmitted, limit);
}
