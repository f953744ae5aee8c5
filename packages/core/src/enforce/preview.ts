import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { JsonValue } from "../base/json.ts";
import type { PolicyContext } from "../context/context.ts";
import { withResult } from "../context/create-context.ts";
import { redact } from "../context/redact.ts";
import { hasUnreadable, snapshot, thaw } from "../context/snapshot.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import type { ActingContexts, GuardedContext } from "./acting-context.ts";
import { LiveAdmission, type Admission } from "./admission.ts";
import { resultDuties } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";

/** What may be shown of a value before its call has ended; undefined: nothing, until the result is judged. */
export type Preview<R> = { readonly value: R } | undefined;

/** What a running tool shows: where its admission is another's part, that one is judged. */
export function previewOf<R>(
  core: GuardCore,
  { context, decision, isJoined }: Admission,
  value: R,
): MaybePromise<Preview<R>> {
  return isJoined ? { value } : judgedPreview(core, { context, imposed: resultDuties(decision) }, value);
}

/** The verb: the same for whoever carries on what a call says, also of a call that was not admitted here. */
export function previewCall<R>(
  core: GuardCore & { readonly contexts: ActingContexts },
  call: Admission | GuardedContext,
  value: R,
): MaybePromise<Preview<R>> {
  if (call instanceof LiveAdmission) {
    return core.point.controls.cutOf(call.context) === undefined ? previewOf(core, call, value) : undefined;
  }
  // Everything else that has a hookpoint is a context, or describes one; what has none is refused there.
  const { context, denial } = core.contexts.prepare(call as GuardedContext);
  if (denial !== undefined || core.point.controls.cutOf(context) !== undefined) return undefined;
  return judgedPreview(core, { context, imposed: NOTHING }, value);
}

const NOTHING: readonly RedactObligation[] = Object.freeze([]);

/**
 * What may be shown of a value before the call has ended. Rules that need state, and hooks, are asked once, about the
 * result: where there is one, no earlier value leaves.
 */
function judgedPreview<R>(
  core: GuardCore,
  { context, imposed }: { readonly context: PolicyContext; readonly imposed: readonly RedactObligation[] },
  value: R,
): MaybePromise<Preview<R>> {
  if (core.hooks.hasAfter(context)) return undefined;
  if (imposed.length === 0 && core.point.looksAfter(context) === "nothing") return { value };
  const content = readable(value);
  if (content === undefined) return undefined;
  const after = withResult(context, { result: content, nowMs: core.nowMs() });
  return andThen(core.point.rule(after, { intent: "peek" }), ({ decision: asked }) => {
    const standing = resultDuties(asked);
    const duties = [...standing, ...imposed.filter((duty) => !standing.includes(duty))];
    const isUnclear = asked.isUnknown === true || (duties.length > 0 && hasUnreadable(content));
    if (asked.effect !== "allow" || isUnclear) return undefined;
    const { scanner, ports } = core;
    const shown = redact(content, duties, { scanner, hash: ports.hash, channel: "tool_result" });
    // A copy of what was judged: the tool keeps the object it gave, and could still change it. It has the value's shape.
    return { value: thaw(shown) as R };
  });
}

/** @returns A copy to judge; undefined for what cannot be copied: it is judged, and refused, as the result. */
export function readable(value: unknown): JsonValue | undefined {
  try {
    return snapshot(value);
  } catch {
    return undefined;
  }
}
