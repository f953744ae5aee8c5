import type { Admission } from "@agentplane/core";

import type { Dialect } from "../protocol/dialect.ts";
import type { JsonRecord } from "../protocol/json.ts";
import type { ActingIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";
import { isSaidBy, UNNAMED } from "./same-call.ts";

/** A model call of a governed agent on its way to the provider: the client that sends it may be governed as well. */
export interface SentCall {
  readonly admission: Admission;
  /** A model of the SDK itself sends it: what the answer proposes is run by the agent alone, and decided there. */
  readonly isOfSdk: boolean;
  /** Rules or hooks judge the answer. */
  readonly isJudged: boolean;
}

/** The part of a request in a call that was decided before. */
export interface TakenCall extends Pick<SentCall, "isOfSdk"> {
  /** The decision around it is the request's own. */
  readonly isDecided: boolean;
  /** What limits have counted; undefined where nobody knew which model they count. */
  readonly countedBy: Admission | undefined;
  /** It gave no answer: the client may try again. */
  giveBack(): void;
}

/** Those that no provider has answered. */
const sent = new Map<SentCall, "open" | "taken">();

/**
 * An agent's model is about to send what was decided.
 * @returns Called when the model has answered or failed.
 */
export function noteSending(call: SentCall): () => void {
  sent.set(call, "open");
  return () => void sent.delete(call);
}

/**
 * Finds the call of an agent that a request carries out: one that is decided already, by the same plane, and that this code
 * runs inside. The request must say nothing that was not decided there, and each call is found once, so that whatever
 * else the code around it asks of the client is a call of its own.
 */
export function takeSentCall(
  { guard }: GovernedPlane,
  request: { readonly acting: ActingIdentity; readonly dialect: Dialect; readonly body: JsonRecord },
): TakenCall | undefined {
  for (const [call, state] of sent) {
    // Which call a code runs inside only the plane can tell: nobody can claim it.
    if (state === "taken" || !guard.isNested(call.admission)) continue;
    if (!isSaidBy(call.admission.context, request)) continue;
    sent.set(call, "taken");
    const { admission, isOfSdk, isJudged } = call;
    const isNamed = admission.context.model?.name !== UNNAMED;
    return {
      countedBy: isNamed ? admission : undefined,
      isOfSdk,
      // Where the answer is judged, it is before anybody reads it: a wrapper of the client, too.
      isDecided: isOfSdk && !isJudged && isNamed,
      giveBack: () => void (sent.has(call) && sent.set(call, "open")),
    };
  }
  return undefined;
}

/** Sends a request as a part of that call: without an answer the next attempt is the same part. */
export async function asPartOf<A extends object>(taken: TakenCall, send: () => Promise<A>): Promise<A> {
  let answer: A | undefined;
  try {
    answer = await send();
    return answer;
  } finally {
    if (!(answer instanceof Response && answer.ok)) taken.giveBack();
  }
}
