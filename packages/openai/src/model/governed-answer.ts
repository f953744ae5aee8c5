import {
  AgentplaneError,
  type Admission,
  type Denied,
  type Outcome,
  type ResultCodec,
} from "@agentplane/core";

import { admittedBody, type ModelRequest } from "./model-request.ts";
import { joinSignals, type JoinedSignal } from "../call/joined-signal.ts";
import { judgedResponse } from "./judged-response.ts";
import type { Changes, NativeRequest } from "../http/native-request.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { decidedLater, judgeProposed } from "./proposed-calls.ts";
import type { Dialect } from "../protocol/dialect.ts";
import { parseJson, recordOf, type JsonRecord } from "../protocol/json.ts";
import { withoutOtherForms } from "../protocol/other-forms.ts";
import { answerWith, ProviderError } from "../http/provider-error.ts";
import { noteRemoteCalls } from "./remote-calls.ts";
import { refusalResponse } from "../call/refusal.ts";

/** What came back: a JSON object, a text, or something that is neither. */
interface Answer {
  readonly response: Response;
  /** Undefined for sound and pictures: those pass as they are. */
  readonly text: string | undefined;
  readonly json: JsonRecord | undefined;
  /** Rules replaced some of it. */
  readonly isChanged: boolean;
}

/** A model call whose answer comes as a whole. */
export interface WholeCall {
  readonly request: ModelRequest;
  readonly native: NativeRequest;
  readonly isJudgingCalls: boolean;
  /** The call of an agent that it carries out: limits have counted that one. */
  readonly countedBy: Admission | undefined;
}

/**
 * Sends the call when the plane lets it, and gives the answer when the plane lets that.
 * @returns The denial while a human is awaited; else what the client gets.
 */
export async function governedAnswer(
  plane: GovernedPlane,
  { request, native, isJudgingCalls, countedBy }: WholeCall,
): Promise<Response | Denied> {
  const { dialect, context, identity } = request;
  const outcome: Outcome<Answer> = await plane.guard.modelCall<Answer>({
    context,
    countedBy,
    async run(admission) {
      const json = admittedBody(request, admission);
      const { signal, release } = joinSignals(native.signal, admission.signal);
      const answer = await sent(native, { json, signal, release }, dialect);
      // As the provider knows them: rules may rewrite what the client reads.
      const asked = answer.json === undefined ? undefined : dialect.remoteRequests?.(answer.json);
      if (asked !== undefined) noteRemoteCalls(plane, identity, { calls: asked, as: "asked" });
      return answer;
    },
    result: codecOf(dialect),
    usage: ({ json }) => (json === undefined ? undefined : dialect.usageOf(json)),
  });
  if (outcome.status !== "ran") return outcome;
  const { response, text, json, isChanged } = outcome.result;
  const shown = isChanged && json !== undefined ? dialect.remoteRequests?.(json) : undefined;
  if (shown !== undefined) noteRemoteCalls(plane, identity, { calls: shown, as: "shown" });
  if (isJudgingCalls && json !== undefined && dialect.proposedCalls !== undefined) {
    const isLater = decidedLater(plane, identity.agent, request.offered);
    const calls = dialect.proposedCalls(json).filter((call) => !isLater(call));
    const refusal = await judgeProposed(plane, identity, calls);
    if (refusal !== undefined) return refusalResponse(refusal, dialect.provider === "anthropic");
  }
  if (text === undefined) return response;
  return isChanged ? answerWith(response, text) : judgedResponse({ response, text, json });
}

/** One function for all of it: each one more would cost every call a promise. */
async function sent(
  native: NativeRequest,
  { json: changed, signal, release }: Pick<Changes, "json"> & JoinedSignal,
  dialect: Dialect,
): Promise<Answer> {
  try {
    const response = await native.send({ json: changed, signal });
    if (!response.ok) throw await ProviderError.from(response, native);
    // Read as a whole its pieces would pass one by one, each of them harmless.
    if (dialect.stream !== undefined && isEventStream(response)) throw unaskedStream();
    // A provider says itself what type it sends: a text under the name of a picture would pass unread.
    if (dialect.answersInMedia === true && isMedia(response))
      return { response, text: undefined, json: undefined, isChanged: false };
    const text = await response.text();
    return { response, text, json: recordOf(parseJson(text)), isChanged: false };
  } finally {
    release();
  }
}

function isMedia({ headers }: Response): boolean {
  return /^(?:audio|image|video)\//i.test(headers.get("content-type") ?? "");
}

/** Whether an answer comes event by event. */
export function isEventStream({ headers }: Response): boolean {
  return /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
}

function unaskedStream(): AgentplaneError {
  return new AgentplaneError(
    "content_refused",
    "The answer was withheld: it is a stream, and none was asked for. Ask for one with stream: true.",
  );
}

function codecOf(dialect: Dialect): ResultCodec<Answer> {
  return {
    read: ({ json, text }) => (json === undefined ? (text ?? null) : dialect.readAnswer(json)),
    write(answer, content) {
      const { response, json } = answer;
      if (json === undefined) {
        return { response, json, text: typeof content === "string" ? content : "", isChanged: true };
      }
      // The answer's own members stay; those that spell out what was replaced do not.
      const next = recordOf(withoutOtherForms(dialect.writeAnswer(json, content))) ?? {};
      return { response, json: next, text: JSON.stringify(next), isChanged: true };
    },
  };
}
