import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import type { Decision } from "../decision/decision.ts";
import type { Ruling } from "../decision/decision-point.ts";
import type { ActingContexts, GuardedContext, Prepared } from "./acting-context.ts";
import { LiveAdmission, requireBefore, type Admission } from "./admission.ts";
import { ownAdmission } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";
import { denied, type Denied } from "./outcome.ts";
import { throughHooks, type AfterHooks } from "./through-hooks.ts";

/** What admitting works with. */
export interface AdmittingCore extends GuardCore {
  readonly contexts: ActingContexts;
}

// Nothing is wrapped in a closure unless something has to be waited for: every call goes this way.

/**
 * Takes a call through hooks and the binding decision, with what enforcement itself finds.
 * @param countedBy As of a `GuardedCall`.
 */
export function admitCall(
  core: AdmittingCore,
  given: GuardedContext,
  countedBy?: Admission,
): MaybePromise<LiveAdmission | Denied> {
  return admitPrepared(core, preparedOf(core, given), countedBy);
}

function preparedOf({ contexts }: AdmittingCore, given: GuardedContext): Prepared {
  const prepared = contexts.prepare(given);
  if (prepared.denial === undefined) requireBefore(prepared.context.hookpoint);
  return prepared;
}

function admitPrepared(
  core: AdmittingCore,
  { context: asked, denial }: Prepared,
  countedBy?: Admission,
): MaybePromise<LiveAdmission | Denied> {
  if (denial !== undefined) return andThen(core.point.refuse(asked, denial), denied);
  const isCounted = countedBy !== undefined && isWithin(core, countedBy, asked);
  return throughHooks(core, asked, isCounted ? ADMITTING_COUNTED : ADMITTING);
}

/** Only what limits have counted, and settle when it ends, stands for a call: a running one of its kind, around it. */
function isWithin(core: GuardCore, outer: Admission, { hookpoint }: PolicyContext): boolean {
  return isAround(core, ownAdmission(outer)) && outer.context.hookpoint === hookpoint;
}

/** Whether an admission is in force, and the one that this code runs inside. */
export function isAround({ live, scope }: GuardCore, admission: LiveAdmission): boolean {
  const { id } = admission.decision;
  return scope.current()?.decisionId === id && live.get(id) === admission;
}

const ADMIT = Object.freeze({ intent: "admit" });
const ADMIT_COUNTED = Object.freeze({ intent: "admit", isCounted: true });

const ADMITTING: AfterHooks<LiveAdmission | Denied> = {
  intent: "admit",
  decide: (core, asked, context) => admitted(core, asked, core.point.rule(context, ADMIT)),
};
const ADMITTING_COUNTED: AfterHooks<LiveAdmission | Denied> = {
  intent: "admit",
  decide: (core, asked, context) => admitted(core, asked, core.point.rule(context, ADMIT_COUNTED)),
};

function admitted(
  core: GuardCore,
  asked: PolicyContext,
  ruled: MaybePromise<Ruling>,
): MaybePromise<LiveAdmission | Denied> {
  return isThenable(ruled) ? admittedLater(core, asked, ruled) : admissionOf(core, asked, ruled);
}

function admittedLater(
  core: GuardCore,
  asked: PolicyContext,
  ruled: Promise<Ruling>,
): Promise<LiveAdmission | Denied> {
  return ruled.then((ruling) => admissionOf(core, asked, ruling));
}

function admissionOf(
  core: GuardCore,
  asked: PolicyContext,
  ruling: Ruling,
): MaybePromise<LiveAdmission | Denied> {
  if (ruling.decision.effect !== "allow") return denied(ruling.decision);
  const outer = core.live.get(ruling.decision.id);
  // Ended while its inner layer was being decided: there is nothing left to join.
  if (outer === undefined && ruling.inner?.isJoined === true)
    return andThen(core.point.refuse(asked, ENDED), denied);
  const admission = new LiveAdmission(ruling, outer, core.ports);
  admission.isInputChanged = inputOf(ruling.context) !== inputOf(asked);
  if (outer !== undefined) return admission;
  // Pulled while the decision was being stored: nothing of this call has started, and nothing will.
  const cut = core.point.controls.cutOf(ruling.context);
  if (cut !== undefined) return giveBack(core, ruling, cut);
  core.live.add(admission);
  return admission;
}

const ENDED = {
  cause: "already_executed",
  reason: "the call around this one, which is the same call, has ended",
} as const;

function giveBack({ point }: GuardCore, { decision, inner }: Ruling, cut: Decision): MaybePromise<Denied> {
  inner?.end("again");
  return andThen(point.finish(decision.id, { status: "released", isRefused: true }), () => denied(cut));
}

/**
 * Admits the calls of one turn in order, each with its own decision. All are read before one is decided: what is no call
 * throws while nothing is held for the others.
 */
export function admitInOrder(
  core: AdmittingCore,
  contexts: readonly GuardedContext[],
): MaybePromise<readonly (Admission | Denied)[]> {
  const calls = Array.from(contexts, (context) => preparedOf(core, context));
  const done: (LiveAdmission | Denied)[] = [];
  const from = (position: number): MaybePromise<typeof done> => {
    for (let at = position; at < calls.length; at++) {
      const ruled = admitPrepared(core, calls[at]!);
      if (isThenable(ruled)) {
        return ruled.then((later) => {
          done.push(later);
          return from(at + 1);
        });
      }
      done.push(ruled);
    }
    return done;
  };
  return from(0);
}
