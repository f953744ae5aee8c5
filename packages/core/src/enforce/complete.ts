import { AgentplaneError } from "../base/errors.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { JsonValue } from "../base/json.ts";
import type { Usage } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";
import { withResult } from "../context/create-context.ts";
import { thaw } from "../context/snapshot.ts";
import type { Decision } from "../decision/decision.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import type { Denial, Ruling } from "../decision/decision-point.ts";
import { HookBlocked } from "../hooks/hook-blocked.ts";
import { LiveAdmission, type Admission } from "./admission.ts";
import type { GuardCore } from "./guard-core.ts";
import { denied, type Outcome } from "./outcome.ts";
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
  admission: Admission,
  end: CallResult<R>,
): MaybePromise<Outcome<R>> {
  const call = ownAdmission(admission);
  // The outer admission of the same call judges and settles it.
  if (call.isJoined) return asItWas(end, call);
  if (!core.live.remove(call)) throw alreadyEnded(call);
  const cut = cutDenial(call);
  const isLookedAt =
    core.point.looksAfter(call.context) ||
    core.hooks.hasAfter(call.context) ||
    resultDuties(call.decision).length > 0;
  if (cut === undefined && !isLookedAt) return plainEnd(core, call, end);
  const { context, denial, isPartial } = afterContext(core, call, end, cut);
  return andThen(runAfterHooks(core, context, denial), (judged) =>
    andThen(
      core.point.finish(call.decision.id, { status: end.status, usage: end.usage, ...judged }),
      (ruling) => outcomeOf(end, { call, given: isPartial ? undefined : context.result, ruling }),
    ),
  );
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
  const isError = end.status === "failed" || end.isError === true;
  const context = withResult(call.context, {
    isError,
    nowMs: core.nowMs(),
    ...(end.usage && { usage: end.usage }),
  });
  return andThen(
    core.point.finish(call.decision.id, { status: end.status, context, usage: end.usage }),
    (ruling) => {
      if (ruling === undefined) throw alreadyEnded(call);
      return ruling.decision.effect === "block" ? denied(ruling.decision) : asItWas(end, call);
    },
  );
}

/** The redactions of what comes back that an admission imposed. */
export function resultDuties({ obligations }: Decision): readonly RedactObligation[] {
  return obligations.filter(
    (duty) => duty.kind === "redact" && (duty.from.includes("result") || duty.from.includes("response")),
  ) as readonly RedactObligation[];
}

function cutDenial({ cutBy }: LiveAdmission): Denial | undefined {
  return cutBy && { cause: cutBy.cause, reason: cutBy.reason, message: cutBy.message };
}

interface Judged {
  readonly context: PolicyContext;
  readonly denial: Denial | undefined;
}

interface Read extends Judged {
  /** The original holds more than could be read. */
  readonly isPartial: boolean;
}

function afterContext<R>(
  core: GuardCore,
  call: LiveAdmission,
  end: CallResult<R>,
  cut: Denial | undefined,
): Read {
  const isError = end.status === "failed" || end.isError === true;
  const facts = { isError, nowMs: core.nowMs(), ...(end.usage && { usage: end.usage }) };
  try {
    const { content, isPartial } =
      end.status === "failed" ? readError(end.error) : { content: readContent(end), isPartial: false };
    return { context: withResult(call.context, { result: content, ...facts }), denial: cut, isPartial };
  } catch (error) {
    const reason = error instanceof AgentplaneError ? error.message : "the result cannot be read";
    const denial = cut ?? { cause: "content_refused", reason };
    return { context: withResult(call.context, facts), denial, isPartial: true };
  }
}

function readContent<R>({ codec, result }: Extract<CallResult<R>, { status: "ran" }>): unknown {
  return codec === undefined ? result : codec.read(result);
}

function runAfterHooks(
  core: GuardCore,
  context: PolicyContext,
  denial: Denial | undefined,
): MaybePromise<Judged> {
  if (denial !== undefined) return { context, denial };
  const fail = (error: unknown): Judged => ({ context, denial: hookDenial(error) });
  try {
    const changed = core.hooks.run(context);
    if (!isThenable(changed)) return { context: changed, denial };
    return changed.then((next) => ({ context: next, denial }), fail);
  } catch (error) {
    return fail(error);
  }
}

/** What a hook's block or failure means; whatever it threw, the call does not go on. */
export function hookDenial(error: unknown): Denial {
  const reason = error instanceof HookBlocked ? error.message : "a hook failed";
  return { cause: "hook", reason };
}

function outcomeOf<R>(
  end: CallResult<R>,
  of: { call: LiveAdmission; given: JsonValue | undefined; ruling: Ruling | undefined },
): Outcome<R> {
  const { call, given, ruling } = of;
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

function alreadyEnded({ decision }: Admission): AgentplaneError {
  return new AgentplaneError(
    "usage_invalid",
    `the admission ${decision.id} has already ended; complete it once`,
  );
}
