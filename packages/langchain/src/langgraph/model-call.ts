import type { Admission, GuardInit, Outcome } from "@agentplane/core";
import type { AIMessage, BaseMessage } from "@langchain/core/messages";
import { isGraphBubbleUp } from "@langchain/langgraph";

import { withAnsweredCalls } from "../approval/answered-calls.ts";
import { askByInterrupt } from "../approval/approval-interrupt.ts";
import { ANSWER, BrokenOff } from "../content/broken-off.ts";
import { joined } from "../observed/cut-signal.ts";
import { modelRefusal } from "../call/enforce.ts";
import { showingOf, type Showing } from "../shown/held-back.ts";
import { identityOf } from "../call/identity.ts";
import { readContent } from "../content/message-content.ts";
import { describeModel, usageOf } from "../call/model-facts.ts";
import { withOutputLimit } from "../offer/output-limit.ts";
import { changedPrompt } from "../content/prompt.ts";
import { namesOf, offeredTools, withVisible } from "../offer/visible-tools.ts";
import { isWaitingCall } from "../approval/waiting-calls.ts";
import type { ChatModel } from "./chat-model.ts";
import { runFactsOf } from "./run-facts.ts";
import type { GateSettings, OnBlock } from "../call/settings.ts";
import { taskCallsOf } from "./task-calls.ts";

/** How a model is governed. */
export interface ModelSettings extends GateSettings {
  readonly onBlock: OnBlock;
}

/** One call of a provider, as it would be made. */
export interface ModelCall {
  readonly model: ChatModel;
  readonly messages: readonly BaseMessage[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** The call as it was admitted. */
export interface AdmittedCall {
  readonly model: ChatModel;
  readonly messages: BaseMessage[];
  readonly options: Record<string, unknown>;
  /** How the answer may be told before it was judged. */
  readonly showing: Showing;
}

/**
 * Puts one call of a provider to the plane: the request as it will be sent, each attempt anew. Asks a human as often as
 * the plane finds that one is needed.
 * @param ask Asks the provider, nothing in between.
 * @returns The judged answer, or the words that stand for it.
 * @throws PolicyError where `onBlock` is `throw`; GraphInterrupt while a human is awaited.
 */
export async function governedModelCall(
  settings: ModelSettings,
  given: ModelCall,
  ask: (admitted: AdmittedCall) => Promise<AIMessage | BrokenOff>,
): Promise<AIMessage> {
  const { plane, identity, onBlock } = settings;
  const run = runFactsOf(undefined);
  const acting = identityOf(identity, run);
  const messages = withAnsweredCalls([...given.messages], (toolCall, upToTurn) =>
    isWaitingCall({ plane, identity, run, toolCall, messages: upToTurn }),
  );
  const complete = { ...given, messages: messages instanceof Promise ? await messages : messages };
  const call = await withVisibleTools(settings, { hookpoint: "before_agent", ...acting }, complete);
  const place = taskCallsOf(plane).start(run);
  let hasRun = false;
  let { callId } = place;
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
      const outcome: Outcome<AIMessage | BrokenOff> = await plane.guard.modelCall<AIMessage | BrokenOff>({
        context: contextOf(call, { ...acting, ...(callId !== undefined && { callId }) }),
        async run(admission) {
          const { admitted, release } = await admittedCall(settings, call, admission);
          try {
            const answer = await ask(admitted);
            hasRun = true;
            return answer;
          } finally {
            release();
          }
        },
        result: ANSWER,
        usage: (answer) => (answer instanceof BrokenOff ? answer.usage : usageOf(answer)),
        isError: (answer) => answer instanceof BrokenOff,
        isControlFlow: isGraphBubbleUp,
      });
      if (outcome.status === "ran") {
        if (outcome.result instanceof BrokenOff) throw outcome.result.error;
        return outcome.result;
      }
      if (outcome.status === "blocked") {
        // A process that paused had asked the model; its node runs from the top here, and asks anew.
        if (outcome.decision.cause === "already_executed" && callId !== undefined && !hasRun) {
          callId = place.again();
          continue;
        }
        if (onBlock === "throw") throw outcome.error;
        return modelRefusal(outcome);
      }
      // oxlint-disable-next-line no-await-in-loop
      const asked = await askByInterrupt(plane, outcome);
      if (asked.isAnswered) continue;
      if (onBlock === "throw") throw outcome.error;
      return modelRefusal({ ...outcome, message: asked.message });
    }
  } finally {
    place.end(hasRun);
  }
}

function contextOf(call: ModelCall, acting: Omit<GuardInit, "hookpoint">): GuardInit {
  const { model, messages, options } = call;
  return {
    hookpoint: "before_model_call",
    ...acting,
    model: {
      ...describeModel(model, options),
      messages: readContent([...messages]),
      tools: namesOf(offeredTools(offerOf(call))),
    },
  };
}

/** Tools in whatever form the provider reads them; all that a call says is one record here. */
function offerOf({ model, options }: ModelCall) {
  return { model, tools: [], settings: options };
}

async function withVisibleTools(
  { plane }: ModelSettings,
  context: GuardInit,
  call: ModelCall,
): Promise<ModelCall> {
  const { model, settings } = await withVisible(plane, context, offerOf(call));
  return { ...call, model, options: settings };
}

/** The prompt as the plane changed it, no more output than it reserved, and a signal that cuts. */
async function admittedCall(
  { plane }: ModelSettings,
  { model, messages, options }: ModelCall,
  admission: Admission,
): Promise<{ readonly admitted: AdmittedCall; readonly release: () => void }> {
  const { context, input, isInputChanged, signal } = admission;
  const limit = context.model?.maxOutputTokens;
  const { maxOutputTokens: asked = Infinity } = describeModel(model, options);
  const request = { model, modelSettings: options };
  const limited = limit === undefined || asked <= limit ? request : await withOutputLimit(request, limit);
  const own = options["signal"];
  const either = joined(own instanceof AbortSignal ? own : undefined, signal);
  const admitted: AdmittedCall = {
    // A limited copy is of the class of the model that it was made of.
    model: limited.model,
    messages: isInputChanged ? changedPrompt(messages, input) : [...messages],
    options: { ...limited.modelSettings, signal: either.signal },
    showing: showingOf(plane, admission),
  };
  return { admitted, release: either.release };
}
