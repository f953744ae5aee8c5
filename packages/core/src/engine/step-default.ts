import { isAfter } from "../context/hookpoint.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";
import type { Refusal } from "./refusal.ts";

/**
 * Applies the default effect where no enforcing rule had an opinion. It concerns whether an action may happen, so it is
 * not asked again about the result of one that was allowed.
 */
export function applyDefault(pass: Pass, parts: EngineParts): void {
  if (pass.answers.length > 0 || isAfter(pass.context.hookpoint)) return;
  // A preview that could not ask every rule does not know whether one of them would have granted the call.
  if ((pass.isUnknown && pass.intent === "peek") || parts.defaultEffect() === "allow") return;
  pass.refusal = refusalOf(pass);
}

function refusalOf({ context, plan }: Pass): Refusal {
  if (context.hookpoint === "before_agent") return NO_RUN;
  return plan?.hasPolicy === true ? NOT_GRANTED : NO_POLICY;
}

const MESSAGE = "This action is not allowed here.";
const NOT_GRANTED: Refusal = Object.freeze({
  cause: "default",
  reason: "no matching rule allows this, and the default is block",
  message: MESSAGE,
});
const NO_POLICY: Refusal = Object.freeze({
  cause: "no_policy",
  reason: "no policy concerns this call, and the default is block",
  message: MESSAGE,
});
/** Allowlists look at tools, so a plane that denies by default meets this one first: it says what to write. */
const NO_RUN: Refusal = Object.freeze({
  cause: "default",
  reason:
    "no rule allows a run to begin, and the default is block: " +
    "add { rule: condition, where: { hookpoint: before_agent }, then: allow }",
  message: MESSAGE,
});

/** Whether a refusal is one of those that many calls meet, and always in the same words. */
export function isDefaultRefusal(refusal: Refusal): boolean {
  return refusal === NOT_GRANTED || refusal === NO_POLICY || refusal === NO_RUN;
}
