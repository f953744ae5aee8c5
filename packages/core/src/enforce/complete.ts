import { AgentplaneError } from "../base/errors.ts";
import { andThenWith, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Usage } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";
import { withResult } from "../context/create-context.ts";
import { thaw } from "../context/snapshot.ts";
import type { Decision } from "../decision/decision.ts";
import type { Obligation, RedactObligation } from "../decision/obligation.ts";
import type { Denial, Ruling } from "../decision/decision-point.ts";
import { LiveAdmission, type Admission } from "./admission.ts";
import type { GuardCore } from "./guard-core.ts";
import { denied, type Outcome } from "./outcome.ts";
import { hookDenial } from "./through-hooks.ts";
import { readError, shownError } from "./thrown-error.ts";

/** Reads the content of a framework's result and writes it back: the only thing an adapter knows about redaction. */
export interface ResultCodec<R> {
  /** @returns What rules look at: plain data. */
  read(result: R): unknown;
  /** @returns The result with changed content; ids, status and usage kept. */
  write(result: R, content: unknown): R;
}

/** How a call ended. */
export type CallResult<R> =
  | {
      readonly status: "ran";
      readonly result: R;
      readonly usage?: Usage | undefined;
      readonly codec?: ResultCodec<R> | undefined;
      /** The framework reports the failure as a value. */
      readonly isError?: boolean;
    }
  | { readonly status: "failed"; readonly error: unknown; readonly usage?: Usage | undefined };

/**
 * Judges, redacts and settles the end of an admission.
 * @returns The outcome of a call that ran.
 * @throws The call's own error, its text redacted where a policy asks; AgentplaneError `usage_invalid` for an admission
 *   that has already ended.
 */
export function completeCall<R>(
  core: GuardCore,
  call: LiveAdmission,
  end: CallResult<R>,
): MaybePromise<Outcome<R>> {
  // Of what was cut nobody knows what happened: it is not tried again.
  call.inner?.end(isFailed(end) && call.cutBy === undefined ? "failed" : "ran");
  // The outer admission of the same call judges and settles it.
  if (call.isJoined) return asItWas(end, call);
  if (!core.live.remove(call)) throw alreadyEnded(call);
  const cut = cutDenial(call);
  return cut === undefined && !isLookedAt(core, call)
    ? plainEnd(core, call, end)
    : judgedEnd(core, call, end, cut);
}

function isFailed<R>(end: CallResult<R>): boolean {
  return end.status === "failed" || end.isError === true;
}

function isLookedAt(core: GuardCore, { context, decision }: LiveAdmission): boolean {
  return (
    core.point.looksAfter(context) !== "nothing" || core.hooks.hasAfter(context) || hasResultDuties(decision)
  );
}

/** One end on its way through hooks, judgement and settlement. */
interface Judging<R> extends Judged {
  readonly core: GuardCore;
  readonly call: LiveAdmission;
  readonly end: CallResult<R>;
  /** The original holds more than could be read, of which something decides: only what was judged is shown. */
  readonly isPartial: boolean;
}

function judgedEnd<R>(
  core: GuardCore,
  call: LiveAdmission,
  end: CallResult<R>,
  cut: Denial | undefined,
): MaybePromise<Outcome<R>> {
  const judging = judgingOf(core, call, end, cut);
  return andThenWith(runAfterHooks(judging), finish<R>, judging);
}

function finish<R>(judged: Judged, judging: Judging<R>): MaybePromise<Outcome<R>> {
  const { core, call, end } = judging;
  const { context, denial } = judged;
  const finished = core.point.finish(call.decision.id, {
    status: end.status,
    // As it was read once: the caller's own object may change, and its members may throw.
    usage: judging.context.usage,
    context,
    denial,
  });
  return andThenWith(finished, outcomeOf<R>, judging);
}

/** An admission is only ever ended by the Guard that gave it. */
export function ownAdmission(admission: Admission): LiveAdmission {
  if (admission instanceof LiveAdmission) return admission;
  throw new AgentplaneError(
    "usage_invalid",
    "this is not an admission of this Guard; pass what admit() returned",
  );
}

function asItWas<R>(end: CallResult<R>, { decision }: Admission): Outcome<R> {
  if (end.status === "failed") throw end.error;
  return { status: "ran", result: end.result, decision };
}

/** Nothing looks at the result: it is not read, only settled and recorded. */
function plainEnd<R>(core: GuardCore, call: LiveAdmission, end: CallResult<R>): MaybePromise<Outcome<R>> {
  const isError = isFailed(end);
  const context = withResult(call.context, { isError, nowMs: core.nowMs(), usage: end.usage });
  const finished = core.point.finish(call.decision.id, { status: end.status, context, usage: context.usage });
  return andThenWith(finished, plainOutcome<R>, { call, end });
}

function plainOutcome<R>(
  ruling: Ruling | undefined,
  { call, end }: { readonly call: LiveAdmission; readonly end: CallResult<R> },
): Outcome<R> {
  if (ruling === undefined) throw alreadyEnded(call);
  return ruling.decision.effect === "block" ? denied(ruling.decision) : asItWas(end, call);
}

/** The redactions of what comes back that an admission imposed. */
export function resultDuties({ obligations }: Decision): readonly RedactObligation[] {
  return obligations.filter(isResultDuty);
}

function hasResultDuties({ obligations }: Decision): boolean {
  for (let at = 0; at < obligations.length; at++) if (isResultDuty(obligations[at]!)) return true;
  return false;
}

function isResultDuty(duty: Obligation): duty is RedactObligation {
  return duty.kind === "redact" && (duty.from.includes("result") || duty.from.includes("response"));
}

function cutDenial({ cutBy }: LiveAdmission): Denial | undefined {
  return cutBy && { cause: cutBy.cause, reason: cutBy.reason, message: cutBy.message };
}

interface Judged {
  readonly context: PolicyContext;
  readonly denial: Denial | undefined;
}

function judgingOf<R>(
  core: GuardCore,
  call: LiveAdmission,
  end: CallResult<R>,
  cut: Denial | undefined,
): Judging<R> {
  const isError = isFailed(end);
  const facts = { result: undefined as unknown, isError, nowMs: core.nowMs(), usage: end.usage };
  try {
    let isPartial = false;
    if (end.status === "ran") facts.result = readContent(end);
    else {
      const read = readError(end.error);
      facts.result = read.content;
      isPartial = read.isPartial && isJudged(core, call);
    }
    return { core, call, end, context: withResult(call.context, facts), denial: cut, isPartial };
  } catch (error) {
    const denial = cut ?? unreadable(error);
    facts.result = undefined;
    return { core, call, end, context: withResult(call.context, facts), denial, isPartial: true };
  }
}

/** Why content is refused that could not be read. */
export function unreadable(error: unknown): Denial {
  const reason = error instanceof AgentplaneError ? error.message : "the result cannot be read";
  return { cause: "content_refused", reason };
}

/** Watching changes nothing: an error that is only watched is thrown as it was, however much of it could be read. */
function isJudged(core: GuardCore, { context, decision }: LiveAdmission): boolean {
  return (
    core.point.looksAfter(context) === "judges" || core.hooks.hasAfter(context) || hasResultDuties(decision)
  );
}

function readContent<R>({ codec, result }: Extract<CallResult<R>, { status: "ran" }>): unknown {
  return codec === undefined ? result : codec.read(result);
}

function runAfterHooks<R>(judging: Judging<R>): MaybePromise<Judged> {
  if (judging.denial !== undefined) return judging;
  try {
    const changed = judging.core.hooks.run(judging.context);
    if (changed === judging.context) return judging;
    return isThenable(changed) ? hookedLater(changed, judging) : { context: changed, denial: undefined };
  } catch (error) {
    return refusedByHook(error, judging);
  }
}

function hookedLater<R>(changed: Promise<PolicyContext>, judging: Judging<R>): Promise<Judged> {
  return changed.then(
    (context) => ({ context, denial: undefined }),
    (error: unknown) => refusedByHook(error, judging),
  );
}

function refusedByHook(error: unknown, { context }: Judged): Judged {
  return { context, denial: hookDenial(error) };
}

function outcomeOf<R>(ruling: Ruling | undefined, judging: Judging<R>): Outcome<R> {
  const { call, end } = judging;
  const given = judging.isPartial ? undefined : judging.context.result;
  if (ruling === undefined) throw alreadyEnded(call);
  if (ruling.decision.effect !== "allow") return denied(ruling.decision);
  const shown = ruling.context.result;
  if (shown === undefined) return asItWas(end, call);
  // Redaction keeps the identity of what it does not change.
  const isChanged = shown !== given;
  if (end.status === "failed") throw isChanged ? shownError(end.error, shown) : end.error;
  if (end.codec !== undefined && !isChanged) return asItWas(end, call);
  const content = thaw(shown);
  // Without a codec the result itself is the content. What was judged is what is shown, never the original: a getter,
  // a proxy or a late change could show something else.
  const result = end.codec === undefined ? (content as R) : end.codec.write(end.result, content);
  return { status: "ran", result, decision: call.decision };
}

/** An admission has one end. */
export function alreadyEnded({ decision }: Admission): AgentplaneError {
  return new AgentplaneError(
    "usage_invalid",
    `the admission ${decision.id} has already ended; complete it once`,
  );
}
