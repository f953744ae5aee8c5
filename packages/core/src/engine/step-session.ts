import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { SessionView } from "../rules/session-view.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";
import { recheck } from "./run-rules.ts";

/** Reads the history for the rules that look at it. */
export function readSession(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek" || pass.plan?.needsSession !== true) return;
  return viewNow(pass, parts);
}

/** The same by what this process knows of the history without asking. */
export function guessSession(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.plan?.needsSession !== true) return;
  return andThen(parts.sessions.guess(pass.context, pass.call.callKey), (view) => void (pass.session = view));
}

function viewNow(pass: Pass, parts: EngineParts): MaybePromise<void> {
  return andThen(viewOf(pass, parts), (view) => void (pass.session = view));
}

function viewOf({ context, call }: Pass, { sessions }: EngineParts): MaybePromise<SessionView> {
  return sessions.view(context, call.callKey);
}

/**
 * Reads the history again if anything was awaited since, before ladders and approvals: other calls of the turn may have
 * been admitted meanwhile. In memory nothing comes between this and the call's own entry, so parallel calls see each
 * other.
 */
export function readSessionAgain(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (mayHaveMovedOn(pass)) return viewAgain(pass, parts);
}

function mayHaveMovedOn({ hasAwaited, intent, plan }: Pass): boolean {
  return hasAwaited && intent === "admit" && plan?.needsSession === true;
}

function viewAgain(pass: Pass, parts: EngineParts): MaybePromise<void> {
  return andThen(viewOf(pass, parts), (view) => {
    if (view === pass.session) return undefined;
    pass.session = view;
    return recheck(pass, parts, ({ readsSession }) => readsSession);
  });
}

/** The same after the ladders and approvals, where a store made those wait: what is stricter now can only refuse. */
export function refuseLateSession(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (mayHaveMovedOn(pass)) return refuseLate(pass, parts);
}

/** Judges the call again by the history as it is now: whatever says no now refuses it. */
export function refuseLate(pass: Pass, parts: EngineParts): MaybePromise<void> {
  const known = pass.answers.length;
  return andThen(viewAgain(pass, parts), () => {
    const late = pass.answers.slice(known).find(({ answer }) => answer !== "allow");
    if (late === undefined) return;
    const { policy, ruleId } = late.entry;
    const { reason } = late.said;
    pass.refusal = { cause: "rule", reason, policyId: policy.id, policyVersion: policy.version, ruleId };
  });
}
