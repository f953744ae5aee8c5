import { isAfter } from "../context/hookpoint.ts";
import type { DegradeSpec } from "../policy/mode.ts";
import type { PassAnswer } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import { votersOfPass } from "./outcome-of-pass.ts";
import type { Pass } from "./pass.ts";
import type { Refusal } from "./refusal.ts";

/**
 * Applies the default effect where no enforcing rule had an opinion. It concerns whether an action may happen, so it is
 * not asked again about the result of one that was allowed.
 */
export function applyDefault(pass: Pass, parts: EngineParts): void {
  if (pass.answers.length === 0) refuseByDefault(pass, parts);
  else if (isPreview(pass)) refuseUngranted(pass, parts);
}

/**
 * The same once ladders and modes have spoken: an `escalate` or a `degrade` that lets the call go on grants nothing, or a
 * breach would allow what is blocked without one. What asks a human or blocks stays as it is.
 */
export function refuseUngranted(pass: Pass, parts: EngineParts): void {
  const { answers, refusal, rare } = pass;
  if (answers.length === 0 || refusal !== undefined || rare.asks.length > 0) return;
  if (parts.defaultEffect() === "allow" || answers.every(({ answer }) => answer === "allow")) return;
  const { combine } = parts.settings;
  // Ladders are not climbed in a preview: there it counts where they could lead.
  const hasSaid = isPreview(pass) ? couldAsk : stops;
  const opinions = answers.filter((one) => one.answer === "allow" || one.answer === "block" || hasSaid(one));
  if (votersOfPass(pass, combine).some((one) => opinions.includes(one) && stops(one))) return;
  const granting = votersOfPass({ answers: opinions }, combine);
  if (granting.length === 0 || granting.some(stops)) refuseByDefault(pass, parts);
}

function refuseByDefault(pass: Pass, parts: EngineParts): void {
  if (isAfter(pass.context.hookpoint)) return;
  // A preview that could not ask every rule does not know whether one of them would have granted the call.
  if ((pass.isUnknown && pass.intent === "peek") || parts.defaultEffect() === "allow") return;
  pass.refusal = refusalOf(pass);
}

function isPreview({ intent, rare }: Pass): boolean {
  return intent === "peek" || rare.isExplaining;
}

function stops({ effect }: PassAnswer): boolean {
  return effect !== "allow";
}

/** Whether a human may be asked because of an answer, wherever its ladder stands. */
function couldAsk({ answer, said, entry: { ladders } }: PassAnswer): boolean {
  if (asks(said.degrade) || (answer === "escalate" && ladders.length === 0)) return true;
  return ladders.some(({ steps }) =>
    steps.some(({ action }) => "hitl" in action || ("degrade" in action && asks(action.degrade))),
  );
}

function asks(degrade: DegradeSpec | undefined): boolean {
  return degrade?.mode === "HUMAN_LOOP";
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
