import { formatDuration } from "../base/duration.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Answer } from "../decision/answer.ts";
import type { LimitBreach, ReserveRequest } from "../store/state-store.ts";
import { bindLimits, type BoundLimit, type TakeEstimate } from "./bind-limits.ts";
import type { EngineParts } from "./engine-parts.ts";
import { isBlocked } from "./outcome-of-pass.ts";
import type { Pass } from "./pass.ts";
import { passAnswer } from "./run-rules.ts";
import { throttled, throttleItem, waitForSlot } from "./step-throttle.ts";

/**
 * Takes all limits of the call in one atomic request: refused, nothing is held; granted, soft breaches are reported.
 * Only reached when nothing has blocked: a denied call consumes nothing.
 */
export function reserve(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek" || isAfter(pass.context.hookpoint)) return;
  // An explanation names the limits too that stand behind a block.
  const isOver = (): boolean => !pass.isExplaining && isBlocked(pass, parts.settings.combine);
  if (isOver()) return;
  bindAll(pass, parts);
  if (isOver()) return;
  const items = pass.limits.map(({ item }) => item);
  if (pass.throttle !== undefined) items.push(throttleItem(pass, parts));
  if (items.length === 0) return;
  const request: ReserveRequest = { id: pass.call.reservationId, ttlMs: parts.settings.holdTtlMs, items };
  return take(pass, parts, request);
}

function take(pass: Pass, parts: EngineParts, request: ReserveRequest): MaybePromise<void> {
  const answered = pass.intent === "ask" ? parts.ledger.probe(request) : parts.ledger.reserve(request);
  return andThen(answered, ({ isGranted, breaches }) => {
    if (isGranted && pass.intent === "admit") pass.heldIds.push(request.id);
    const [only] = breaches;
    if (!isGranted && breaches.length === 1 && only?.index === pass.limits.length) {
      const waiting = waitForSlot(pass, parts, only.retryAfterMs);
      // A kill wakes the wait without a slot: the gates are read again right after and stop the call.
      if (waiting !== false)
        return waiting.then((isOpen) => (isOpen ? take(pass, parts, request) : undefined));
    }
    for (const breach of breaches) takeBreach(pass, breach);
    return undefined;
  });
}

function bindAll(pass: Pass, { settings }: EngineParts): void {
  const { plan } = pass;
  if (plan === undefined || plan.limited.length === 0) return;
  let clampTokens = Infinity;
  const note: TakeEstimate = (entry, { clampOutputTokens, unknown }) => {
    if (entry.policy.isShadow || entry.timing === "nonBlocking") return;
    if (unknown?.answer !== undefined) pass.answers.push(passAnswer(entry, unknown.answer, "rule"));
    if (clampOutputTokens === undefined) return;
    clampTokens = Math.min(clampTokens, clampOutputTokens);
    pass.duties = [
      ...pass.duties,
      { entry, obligation: { kind: "clampOutput", maxOutputTokens: clampOutputTokens } },
    ];
  };
  pass.limits = bindLimits(settings.planeId, plan, { context: pass.context, note });
  if (clampTokens !== Infinity) pass.context = clamped(pass.context, clampTokens);
}

/** The request asks for no more output than was reserved. */
function clamped(context: PolicyContext, maxTokens: number): PolicyContext {
  const { model } = context;
  if (model === undefined || (model.maxOutputTokens ?? Infinity) <= maxTokens) return context;
  return Object.freeze({ ...context, model: Object.freeze({ ...model, maxOutputTokens: maxTokens }) });
}

function takeBreach(pass: Pass, { index, retryAfterMs }: LimitBreach): void {
  const bound = pass.limits[index];
  if (bound === undefined) {
    pass.refusal = throttled(pass, retryAfterMs);
    return;
  }
  // A non-blocking rule only counts.
  if (bound.entry.timing === "nonBlocking") return;
  const answer = breachAnswer(bound, retryAfterMs);
  (bound.entry.policy.isShadow ? pass.shadowAnswers : pass.answers).push(
    passAnswer(bound.entry, answer, "limit"),
  );
  if (bound.item.isSoft && !bound.entry.policy.isShadow) pass.isOverrun = true;
}

function breachAnswer({ declaration }: BoundLimit, retryAfterMs: number | undefined): Answer {
  const when =
    retryAfterMs === undefined
      ? ""
      : `; try again in ${formatDuration(Math.ceil(retryAfterMs / 1_000) * 1_000)}`;
  return {
    answer: declaration.onBreach,
    reason: `limit reached: ${declaration.describe()}${when}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(declaration.degrade !== undefined && { degrade: declaration.degrade }),
  };
}
