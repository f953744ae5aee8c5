import type { Admission } from "@agentplane/core";
import type { LanguageModelV4 } from "@ai-sdk/provider";

import type { GovernedPlane } from "../call/plane.ts";

/** A call on its way to the provider, which may meet the same plane again. */
interface SentCall {
  readonly plane: GovernedPlane;
  readonly model: Pick<LanguageModelV4, "provider" | "modelId">;
  /** Messages of a prompt, values to embed, whatever a model of its kind is given. */
  readonly words: readonly unknown[];
  readonly admission: Admission;
}

/** Those that the provider has not answered. */
const sent = new Set<SentCall>();

/** Sends an admitted call on: a model that is guarded inside of it must not be counted again. */
export async function sendCounted<Result>(call: SentCall, send: () => PromiseLike<Result>): Promise<Result> {
  sent.add(call);
  try {
    return await send();
  } finally {
    sent.delete(call);
  }
}

/**
 * The admission that counted this very call, where a model is guarded twice and a middleware stands between: the first or
 * the last of its words, such as the messages of its prompt, went through. The plane counts a call by itself that is not
 * inside of it. Found once, so that what the middleware asks besides is counted by itself.
 */
export function countedCall({ plane, model, words }: Omit<SentCall, "admission">): Admission | undefined {
  if (sent.size === 0 || !plane.guard.isNested()) return undefined;
  for (const call of sent) {
    const isOf = call.model.modelId === model.modelId && call.model.provider === model.provider;
    if (call.plane !== plane || !isOf || !isShared(call.words, words)) continue;
    sent.delete(call);
    return call.admission;
  }
  return undefined;
}

/** The very same messages, or equal texts. */
function isShared(before: readonly unknown[], now: readonly unknown[]): boolean {
  const [first] = before;
  return first !== undefined && (first === now[0] || before.at(-1) === now.at(-1));
}
