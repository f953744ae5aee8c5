import type { Admission } from "@agentplane/core";
import {
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  type Model,
  type ModelRequest,
  type ModelResponse,
  type StreamEvent,
} from "@openai/agents";

import { UNNAMED } from "../call/same-call.ts";
import { noteSending, type SentCall } from "../call/sent-calls.ts";
import { actingAgent } from "./agent-identity.ts";
import type { AnyAgent } from "./any-agent.ts";
import { admittedHostedCalls, judgeHostedCalls, noteSent, refuseRewritten } from "./hosted-calls.ts";
import type { LocalCall, ToolGovernor } from "./local-call.ts";
import { MODEL_ANSWER, usageOf, withoutRaw } from "./model-answer.ts";
import { admittedRequest, describeModelCall } from "./model-request.ts";
import { noteTurn, requireRun, runningContext } from "./running-context.ts";
import { chosenModel } from "./running-model.ts";
import { eventsOf, PIECE_CODEC, piecesOf } from "./stream-pieces.ts";
import { turnOf, withTurnName, type TurnAnswer } from "./turns.ts";

/** What a governed model is made of. */
export interface GovernedModelParts {
  readonly governor: ToolGovernor;
  /** The agent whose model it is. */
  readonly agent: AnyAgent;
  /** The agent's model before it was governed. */
  readonly own: string | Model;
  /** The agent that a handoff's tool leads to. */
  agentOf(handoff: string): string;
}

/**
 * The model of a governed agent: each call is decided before it is sent, and its answer before the agent sees it. A
 * request does not say which agent makes it, so each agent has its own.
 */
export class GovernedModel implements Model {
  readonly supportsPromptModelSelection: boolean;
  readonly #parts: GovernedModelParts;

  constructor(parts: GovernedModelParts) {
    this.#parts = parts;
    const { own } = parts;
    // A prompt of the API may choose the model where the agent does not.
    this.supportsPromptModelSelection =
      typeof own === "string" ? own === "" : own.supportsPromptModelSelection === true;
  }

  async getResponse(request: ModelRequest): Promise<ModelResponse> {
    const { governor, agent } = this.#parts;
    const { model, governed, calls } = await this.#prepare(request);
    let given: ModelResponse["output"] = [];
    const outcome = await governor.plane.guard.modelCall<ModelResponse>({
      context: governed.context,
      run: async (admission) => {
        const admitted = this.#asAdmitted(governed.request, admission, calls);
        const response = await sending(this.#sent(admission, model), () => model.getResponse(admitted));
        noteSent(governor, calls);
        given = response.output;
        return this.#isJudged(admission) ? withoutRaw(response) : response;
      },
      result: MODEL_ANSWER,
      usage: ({ usage }) => usageOf(usage),
    });
    // Our own class: the SDK passes it on, and the run ends.
    if (outcome.status !== "ran") throw outcome.error;
    await judgeHostedCalls(governor, { agent, request, given, shown: outcome.result.output });
    return asTurn(outcome.result, request);
  }

  async *getStreamedResponse(request: ModelRequest): AsyncGenerator<StreamEvent> {
    const { governor, agent } = this.#parts;
    const { model, governed, calls } = await this.#prepare(request);
    let given: ModelResponse["output"] = [];
    const noted = (output: ModelResponse["output"]): void => {
      noteSent(governor, calls);
      given = output;
    };
    const pieces = await governor.plane.guard.modelStream({
      context: governed.context,
      run: (admission) => {
        const events = model.getStreamedResponse(this.#asAdmitted(governed.request, admission, calls));
        const told = withOutput(events, { sent: this.#sent(admission, model), noted });
        return piecesOf(told, this.#isJudged(admission));
      },
      codec: PIECE_CODEC,
    });
    if ("status" in pieces) throw pieces.error;
    for await (const event of eventsOf(pieces)) {
      // The SDK acts on the calls of the last event alone.
      if (event.type === "response_done") {
        await judgeHostedCalls(governor, { agent, request, given, shown: event.response.output });
        yield { ...event, response: asTurn(event.response, request) };
      } else yield event;
    }
  }

  async getRetryAdvice(args: Parameters<NonNullable<Model["getRetryAdvice"]>>[0]) {
    const model = await chosenModel(this.#parts.own);
    return model.getRetryAdvice?.(args);
  }

  async #prepare(request: ModelRequest) {
    const { governor, own, agentOf } = this.#parts;
    const { plane, agent } = governor;
    requireRun(governor);
    const model = await chosenModel(own);
    const acting = actingAgent(agent, runningContext());
    const { input, calls } = await admittedHostedCalls(governor, request);
    const governed = await describeModelCall(
      plane,
      input === request.input ? request : { ...request, input },
      {
        acting,
        model: nameOf(model, own),
        agentOf,
      },
    );
    return { model, governed, calls };
  }

  /** Traces get no raw answer where some of it may have to be replaced. */
  #asAdmitted(asked: ModelRequest, admission: Admission, calls: readonly LocalCall[]): ModelRequest {
    const request = admittedRequest(asked, admission);
    refuseRewritten(request.input, calls);
    if (request.tracing === false || !this.#isJudged(admission)) return request;
    return { ...request, tracing: "enabled_without_data" };
  }

  #sent(admission: Admission, model: Model): SentCall {
    return { admission, isOfSdk: isOfSdk(model), isJudged: this.#isJudged(admission) };
  }

  /** Whether a rule or a hook may replace some of the answer. */
  #isJudged(admission: Admission): boolean {
    const { holdBack, redact } = this.#parts.governor.plane.guard.streamDuties(admission);
    return holdBack !== 0 || redact.length > 0;
  }
}

/** The answer, with a name: its calls go by it from now on. */
function asTurn<Answer extends TurnAnswer>(given: Answer, request: ModelRequest): Answer {
  const { input, previousResponseId, conversationId } = request;
  const answer = withTurnName(given, [input, previousResponseId, conversationId]);
  noteTurn(turnOf(answer));
  return answer;
}

async function sending<R>(sent: SentCall, send: () => Promise<R>): Promise<R> {
  const answered = noteSending(sent);
  try {
    return await send();
  } finally {
    answered();
  }
}

/** The same events; the output of the last is told before rules see it. */
async function* withOutput(
  events: AsyncIterable<StreamEvent>,
  { sent, noted }: { readonly sent: SentCall; noted(output: ModelResponse["output"]): void },
): AsyncGenerator<StreamEvent> {
  const answered = noteSending(sent);
  try {
    for await (const event of events) {
      answered();
      if (event.type === "response_done") noted(event.response.output);
      yield event;
    }
  } finally {
    answered();
  }
}

/** Whether it is a model of the SDK, and no other code in its place. */
function isOfSdk(model: Model): boolean {
  const own: unknown = Object.getPrototypeOf(model);
  const isOwn = own === OpenAIResponsesModel.prototype || own === OpenAIChatCompletionsModel.prototype;
  return isOwn && !Object.hasOwn(model, "getResponse") && !Object.hasOwn(model, "getStreamedResponse");
}

/** Models keep their name in a member that no type tells of. */
function nameOf(model: Model, own: string | Model): string {
  if (typeof own === "string" && own !== "") return own;
  const names = ["model", "_model", "modelName", "name"].map((member): unknown => Reflect.get(model, member));
  return names.find((name): name is string => typeof name === "string" && name !== "") ?? UNNAMED;
}
