import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";
import { recheck } from "./run-rules.ts";

/** Reads the history for the rules that look at it. */
export function readSession(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek" || pass.plan?.needsSession !== true) return;
  return andThen(parts.sessions.view(pass.context), (view) => void (pass.session = view));
}

/**
 * Reads the history again if anything was awaited since: other calls of the turn may have been admitted meanwhile. The
 * last step before the call is appended, so that parallel calls see each other.
 */
export function readSessionAgain(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (!pass.hasAwaited || pass.intent !== "admit" || pass.plan?.needsSession !== true) return;
  return andThen(parts.sessions.view(pass.context), (view) => {
    if (view === pass.session) return undefined;
    pass.session = view;
    return recheck(pass, parts, ({ readsSession }) => readsSession);
  });
}
