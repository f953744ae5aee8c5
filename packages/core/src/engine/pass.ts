import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Answer, RuleAnswer } from "../decision/answer.ts";
import type { DecisionCause, Effect, Intent } from "../decision/decision.ts";
import type { ApprovalTerms } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { Mode } from "../policy/mode.ts";
import type { SessionView } from "../rules/session-view.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { BoundLimit } from "./bind-limits.ts";
import type { InFlight } from "./in-flight.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import type { Plan } from "./plan.ts";
import type { PolicyIndex } from "./policy-index.ts";

/** A rule's answer within a pass, and what it does to this call once ladders have spoken. */
export interface PassAnswer {
  readonly entry: CompiledEntry;
  readonly policyId: string;
  readonly answer: Answer["answer"];
  readonly said: Answer;
  /** Starts as the answer's own effect; a ladder or an approval may change what `escalate` means. */
  effect: Effect;
  readonly cause: "rule" | "limit";
  /** A hard limit: it applies whichever policy decides. */
  readonly isBinding: boolean;
}

/** A shadow rule whose answer comes after the decision. */
export interface LateShadow {
  readonly entry: CompiledEntry;
  readonly given: Promise<RuleAnswer | undefined>;
}

/** Something that a human must allow: a rule's ask or a mode's. */
export interface Ask {
  readonly policyId: string;
  readonly policyVersion: string;
  readonly ruleId: string;
  readonly terms: ApprovalTerms;
}

/** A decision that was reached without, or over, the rules. */
export interface Refusal {
  readonly cause: DecisionCause;
  readonly reason: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly policyId?: string;
  readonly policyVersion?: string;
  readonly ruleId?: string;
}

/** Where a call key stands, as far as this pass is concerned. */
export interface CallState {
  readonly callKey: string | undefined;
  readonly reservationId: string;
  readonly attempt: number;
  /** This very execution already carries the admission of this call: a second interception of one call. */
  readonly isJoined: boolean;
}

/** One question on its way through the pipeline: each step reads the earlier fields and fills its own. */
export interface Pass {
  readonly intent: Intent;
  /** Ask every candidate, also after a block. */
  readonly isExplaining: boolean;
  readonly startedMs: number;
  readonly index: PolicyIndex;
  readonly revision: number;
  /** As it came in. */
  readonly asked: PolicyContext;
  /** As it came in, then as it will be executed. */
  context: PolicyContext;
  plan: Plan | undefined;
  traits: ToolTraits | undefined;
  call: CallState;
  session: SessionView | undefined;
  answers: PassAnswer[];
  shadowAnswers: PassAnswer[];
  /** Shadow rules that are still thinking. */
  lateShadow: readonly LateShadow[];
  /** Replaced, never changed: it may be a rule's own list. */
  duties: readonly OwnedObligation[];
  asks: Ask[];
  /** Ids of the mode entries whose asking a human has answered for this call. */
  waivedModes: readonly string[];
  modes: readonly Mode[];
  limits: readonly BoundLimit[];
  throttle: { readonly perMinute: number; readonly delayMaxMs?: number | undefined } | undefined;
  refusal: Refusal | undefined;
  approvalId: string | undefined;
  isUnknown: boolean;
  isOverrun: boolean;
  /** What this pass reserved and must give back unless the call goes on. */
  heldIds: string[];
  /** Something was awaited since the plugs and modes were read. */
  hasAwaited: boolean;
  /** The remembered admission that this second interception of one call joins. */
  joined: InFlight | undefined;
}

/** One step of the pipeline; returns a promise only if it has to wait. */
export type Step = (pass: Pass) => MaybePromise<void>;

/**
 * Runs the steps in order, synchronously until one returns a promise; a refusal ends the walk.
 * @param steps The pipeline, a readable list.
 * @param pass What the steps work on.
 * @param end Runs in the same turn as the last step: nothing else may come between a check and its conclusion.
 */
export function runSteps<R>(
  steps: readonly Step[],
  pass: Pass,
  end: () => MaybePromise<R>,
  from = 0,
): MaybePromise<R> {
  for (let position = from; position < steps.length; position++) {
    if (pass.refusal !== undefined || pass.joined !== undefined) break;
    const pending = steps[position]!(pass);
    if (isThenable(pending)) {
      const next = position + 1;
      return pending.then(() => {
        pass.hasAwaited = true;
        return runSteps(steps, pass, end, next);
      });
    }
  }
  return end();
}
