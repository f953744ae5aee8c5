import { formatDuration } from "../base/duration.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Answer } from "../decision/answer.ts";
import type { LimitEstimate } from "../rules/rule.ts";
import type { LimitBreach, Reservation, ReserveRequest } from "../store/state-store.ts";
import { bindLimits } from "./bind-limits.ts";
import type { BoundLimit } from "./bound-limit.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import { isBlocked } from "./outcome-of-pass.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import { setRare, type Pass } from "./pass.ts";
import { addAnswer, limitAnswer, ruleAnswer } from "./pass-answer.ts";
import { throttled, throttleItem, waitForSlot } from "./step-throttle.ts";

/**
 * Takes all limits of the call in one atomic request: refused, nothing is held; granted, soft breaches are reported.
 * Only reached when nothing has blocked: a denied call consumes nothing.
 */
export function reserve(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.rare.isCounted || pass.intent === "peek" || isAfter(pass.context.hookpoint) || isOver(pass, parts))
    return;
  if (pass.rare.once?.isBound !== true) bindAll(pass, parts);
  if (isOver(pass, parts)) return;
  const request = requestOf(pass, parts);
  if (request !== undefined) return take(pass, parts, request);
}

/** Binds the limits of a call that is to be admitted in one step. */
export function bindOnce(pass: Pass, parts: EngineParts): void {
  if (pass.rare.once === undefined || isOver(pass, parts)) return;
  bindAll(pass, parts);
  pass.rare.once.isBound = true;
}

/** All that a call takes of its limits; undefined when it takes nothing. */
export function requestOf(pass: Pass, parts: EngineParts): ReserveRequest | undefined {
  const {
    limits,
    call,
    rare: { throttle },
  } = pass;
  if (limits.items.length === 0 && throttle === undefined) return undefined;
  return {
    id: call.reservationId,
    ttlMs: parts.settings.holdTtlMs,
    items: throttle === undefined ? limits.items : [...limits.items, throttleItem(pass, parts)],
  };
}

/** An explanation names the limits too that stand behind a block. */
function isOver(pass: Pass, { settings }: EngineParts): boolean {
  return !pass.rare.isExplaining && isBlocked(pass, settings.combine);
}

function take(pass: Pass, parts: EngineParts, request: ReserveRequest): MaybePromise<void> {
  const answered =
    refusedBefore(pass) ??
    (pass.intent === "ask" ? parts.ledger.probe(request) : parts.ledger.reserve(request));
  if (isThenable(answered)) return takenLater(pass, parts, { request, answered });
  // Mostly all of it fits.
  if (answered.isGranted && answered.breaches.length === 0) hold(pass, request.id);
  else return taken(pass, parts, { request, answered });
}

/** A refusal of the same request a moment ago; it is used once. */
function refusedBefore({ rare: { once } }: Pass): Reservation | undefined {
  const answer = once?.answer;
  if (once === undefined || answer?.isAdmitted !== false || answer.reservation?.isGranted !== false)
    return undefined;
  once.answer = undefined;
  return answer.reservation;
}

function takenLater(
  pass: Pass,
  parts: EngineParts,
  { request, answered }: { request: ReserveRequest; answered: Promise<Reservation> },
): Promise<void> {
  return answered.then((known) => taken(pass, parts, { request, answered: known }));
}

function taken(
  pass: Pass,
  parts: EngineParts,
  {
    request,
    answered: { isGranted, breaches },
  }: { readonly request: ReserveRequest; readonly answered: Reservation },
): MaybePromise<void> {
  if (isGranted) hold(pass, request.id);
  const [only] = breaches;
  if (!isGranted && breaches.length === 1 && only?.index === pass.limits.items.length) {
    const waiting = waitForSlot(pass, parts, only.retryAfterMs);
    // A kill wakes the wait without a slot: the gates are read again right after and stop the call.
    if (waiting !== false) return takeAgain(pass, parts, { request, waiting });
  }
  for (const breach of breaches) takeBreach(pass, breach);
}

function hold(pass: Pass, id: string): void {
  if (pass.intent !== "admit") return;
  pass.heldIds = pass.heldIds.length === 0 ? [id] : [...pass.heldIds, id];
}

function takeAgain(
  pass: Pass,
  parts: EngineParts,
  { request, waiting }: { request: ReserveRequest; waiting: Promise<boolean> },
): Promise<void> {
  return waiting.then((isOpen) => (isOpen ? take(pass, parts, request) : undefined));
}

function bindAll(pass: Pass, { settings }: EngineParts): void {
  const { plan } = pass;
  if (plan?.isLimited !== true) return;
  const known = pass.duties;
  pass.limits = bindLimits(settings.planeId, plan, { pass, note });
  if (pass.duties !== known) pass.context = clamped(pass.context, pass.duties.slice(known.length));
}

function note(pass: Pass, entry: CompiledEntry, { clampOutputTokens, unknown }: LimitEstimate): void {
  if (entry.policy.isShadow || entry.timing === "nonBlocking") return;
  const answer = unknown?.answer;
  if (answer !== undefined) addAnswer(pass, ruleAnswer(entry, { ...unknown, answer }));
  if (clampOutputTokens === undefined) return;
  const obligation = { kind: "clampOutput", maxOutputTokens: clampOutputTokens } as const;
  pass.duties = [...pass.duties, { entry, obligation }];
}

/** The request asks for no more output than was reserved. */
function clamped(context: PolicyContext, duties: readonly OwnedObligation[]): PolicyContext {
  const { model } = context;
  let maxTokens = model?.maxOutputTokens ?? Infinity;
  for (const { obligation } of duties) {
    if (obligation.kind === "clampOutput") maxTokens = Math.min(maxTokens, obligation.maxOutputTokens);
  }
  if (model === undefined || (model.maxOutputTokens ?? Infinity) <= maxTokens) return context;
  return Object.freeze({ ...context, model: Object.freeze({ ...model, maxOutputTokens: maxTokens }) });
}

function takeBreach(pass: Pass, { index, retryAfterMs }: LimitBreach): void {
  const bound = pass.limits.list[index];
  if (bound === undefined) {
    pass.refusal = throttled(pass, retryAfterMs);
    return;
  }
  // A non-blocking rule only counts.
  if (bound.entry.timing === "nonBlocking") return;
  const answer = breachAnswer(bound, retryAfterMs);
  const given = limitAnswer(bound.entry, answer);
  if (bound.entry.policy.isShadow)
    return setRare(pass, { shadowAnswers: [...pass.rare.shadowAnswers, given] });
  addAnswer(pass, given);
  if (bound.item.isSoft) setRare(pass, { isOverrun: true });
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
