import { formatDuration } from "../base/duration.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Answer } from "../decision/answer.ts";
import type { LimitBreach, ReserveRequest } from "../store/state-store.ts";
import { bindLimits, type BoundLimit } from "./bind-limits.ts";
import type { EngineParts } from "./engine-parts.ts";
import { isBlocked } from "./outcome-of-pass.ts";
import type { Pass } from "./pass.ts";
import { isLive } from "./plan.ts";
import { passAnswer } from "./run-rules.ts";
import { throttled, throttleItem, waitForSlot } from "./step-throttle.ts";

/**
 * Takes all limits of the call in one atomic request: refused, nothing is held; granted, soft breaches are reported.
 * Only reached when nothing has blocked: a denied call consumes nothing.
 */
export function reserve(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek" || isAfter(pass.context.hookpoint) || isBlocked(pass)) return;
  bindAll(pass, parts);
  if (isBlocked(pass)) return;
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
      if (waiting !== false) return waiting.then((isOpen) => (isOpen ? take(pass, parts, request) : undefined));
    }
    for (const breach of breaches) takeBreach(pass, breach);
    return undefined;
  });
}

function bindAll(pass: Pass, { settings }: EngineParts): void {
  const limits: BoundLimit[] = [];
  let clampTokens = Infinity;
  const bindOne = (entry: BoundLimit["entry"]): void => {
    const { bound, estimates } = bindLimits(settings.planeId, entry, pass.context);
    limits.push(...bound);
    if (entry.policy.isShadow || entry.timing === "nonBlocking") return;
    for (const { clampOutputTokens, unknown } of estimates) {
      clampTokens = Math.min(clampTokens, clampOutputTokens ?? Infinity);
      if (unknown?.answer !== undefined) pass.answers.push(passAnswer(entry, unknown.answer, "rule"));
      if (clampOutputTokens === undefined) continue;
      pass.duties.push({ entry, obligation: { kind: "clampOutput", maxOutputTokens: clampOutputTokens } });
    }
  };
  for (const entry of pass.plan?.entries ?? []) {
    if (entry.rule.limits !== undefined && isLive(entry, pass.context)) bindOne(entry);
  }
  for (const entry of [...(pass.plan?.shadow ?? []), ...(pass.plan?.observers ?? [])]) {
    if (entry.rule.limits !== undefined && isLive(entry, pass.context)) bindOne(entry);
  }
  pass.limits = limits;
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
  (bound.entry.policy.isShadow ? pass.shadowAnswers : pass.answers).push(passAnswer(bound.entry, answer, "limit"));
  if (bound.item.isSoft && !bound.entry.policy.isShadow) pass.isOverrun = true;
}

function breachAnswer({ declaration }: BoundLimit, retryAfterMs: number | undefined): Answer {
  const when = retryAfterMs === undefined ? "" : `; try again in ${formatDuration(Math.ceil(retryAfterMs / 1_000) * 1_000)}`;
  return {
    answer: declaration.onBreach,
    reason: `limit reached: ${declaration.describe()}${when}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(declaration.degrade !== undefined && { degrade: declaration.degrade }),
  };
}
