import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Decision, Intent } from "../decision/decision.ts";
import type { Denial, Ruling } from "../decision/decision-point.ts";
import { buildDecision } from "./build-decision.ts";
import { conclude } from "./conclude.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlightTable } from "./in-flight.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import { runSteps, type Pass, type Step } from "./pass.ts";
import { createPass } from "./create-pass.ts";
import type { InForce } from "./policy-set.ts";
import { runRules, runShadow } from "./run-rules.ts";
import { enterCall } from "./step-admission.ts";
import { approve } from "./step-approval.ts";
import { applyDefault } from "./step-default.ts";
import { gate, gateAgain, judgeModes } from "./step-gate.ts";
import { climb } from "./step-ladders.ts";
import { reserve } from "./step-reserve.ts";
import { readSession, readSessionAgain, refuseLateSession } from "./step-session.ts";
import { rewrite } from "./step-rewrite.ts";

/** Decides contexts: the pipeline, wired once. */
export interface Decider {
  decide(context: PolicyContext, options: { intent: Intent }): MaybePromise<Ruling>;
  /** Asks every rule and probes every limit; reads state, changes and records nothing. */
  explain(context: PolicyContext): MaybePromise<Decision>;
  /** Concludes a context with a denial that was found outside the rules. */
  refuse(context: PolicyContext, denial: Denial, intent: Intent): MaybePromise<Ruling>;
  /**
   * Runs the `after_*` part of the pipeline on a result; records nothing by itself.
   * @param admittedDuties What the admission imposed.
   */
  judgeResult(
    context: PolicyContext,
    denial?: Denial,
    admittedDuties?: readonly OwnedObligation[],
  ): MaybePromise<{ readonly ruling: Ruling; readonly pass: Pass }>;
}

/**
 * Wires the pipeline. Its order is the list below: cheap and final things first, state last, so that a denied call
 * consumes nothing.
 */
export function createDecider(parts: EngineParts, inForce: () => InForce, inFlight: InFlightTable): Decider {
  const steps = survivingSteps(parts, [
    (pass) => gate(pass, parts),
    match,
    (pass) => enterCall(pass, parts, inFlight),
    (pass) => readSession(pass, parts),
    (pass) => runShadow(pass, parts),
    (pass) => judgeModes(pass, parts),
    (pass) => runRules(pass, parts),
    (pass) => rewrite(pass, parts),
    (pass) => applyDefault(pass, parts),
    (pass) => reserve(pass, parts),
    (pass) => readSessionAgain(pass, parts),
    (pass) => climb(pass, parts),
    (pass) => gateAgain(pass, parts),
    (pass) => approve(pass, parts),
    (pass) => gateAgain(pass, parts),
    (pass) => refuseLateSession(pass, parts),
  ]);
  // What the others would do at a peek is nothing: it has no state, and nothing is awaited but rules.
  const peekSteps: readonly Step[] = [
    (pass) => gate(pass, parts),
    match,
    (pass) => runShadow(pass, parts),
    (pass) => judgeModes(pass, parts),
    (pass) => runRules(pass, parts),
    (pass) => applyDefault(pass, parts),
  ];
  const explainSteps = survivingSteps(parts, [
    (pass) => gate(pass, parts),
    match,
    (pass) => readSession(pass, parts),
    (pass) => runShadow(pass, parts),
    (pass) => judgeModes(pass, parts),
    (pass) => runRules(pass, parts),
    (pass) => rewrite(pass, parts),
    (pass) => applyDefault(pass, parts),
    (pass) => reserve(pass, parts),
  ]);
  const afterSteps = survivingSteps(parts, [
    (pass) => gate(pass, parts),
    match,
    (pass) => readSession(pass, parts),
    (pass) => runShadow(pass, parts),
    (pass) => judgeModes(pass, parts),
    (pass) => runRules(pass, parts),
    (pass) => rewrite(pass, parts),
    (pass) => climb(pass, parts),
    (pass) => gateAgain(pass, parts),
  ]);
  const walk = <R>(list: readonly Step[], pass: Pass, end: () => MaybePromise<R>): MaybePromise<R> => {
    let hasEnded = false;
    const endOnce = (): MaybePromise<R> => {
      hasEnded = true;
      return end();
    };
    const fail = (error: unknown): MaybePromise<R> => {
      if (hasEnded) throw error;
      refuseFailure(pass, parts, error);
      return endOnce();
    };
    try {
      const walked = runSteps(list, pass, endOnce);
      return isThenable(walked) ? walked.catch(fail) : walked;
    } catch (error) {
      return fail(error);
    }
  };
  const stepsOf = (context: PolicyContext, intent: Intent): readonly Step[] => {
    if (isAfter(context.hookpoint)) return afterSteps;
    return intent === "peek" ? peekSteps : steps;
  };
  return {
    decide(context, { intent }) {
      const pass = createPass(context, { intent, isExplaining: false, inForce: inForce() }, parts);
      return walk(stepsOf(context, intent), pass, () => conclude(pass, parts, inFlight));
    },
    explain(context) {
      // An early question reads sessions and probes limits; without the steps that write it leaves nothing behind.
      const pass = createPass(context, { intent: "ask", isExplaining: true, inForce: inForce() }, parts);
      return walk(explainSteps, pass, () => buildDecision(pass, parts.ports.ids.next("dec"), parts));
    },
    refuse(context, denial, intent) {
      const pass = createPass(context, { intent, isExplaining: false, inForce: inForce() }, parts);
      pass.refusal = denial;
      return conclude(pass, parts, inFlight);
    },
    judgeResult(context, denial, admittedDuties = []) {
      const pass = createPass(context, { intent: "admit", isExplaining: false, inForce: inForce() }, parts);
      pass.refusal = denial;
      // What a rule imposed before the call holds for its result, unless the rule imposes it always and so again.
      pass.duties = admittedDuties.filter(({ entry, obligation }) => !entry.obligations.includes(obligation));
      return walk(afterSteps, pass, () => {
        const decision = buildDecision(pass, parts.ports.ids.next("dec"), parts);
        return { ruling: { decision, context: pass.context, callKeys: [] }, pass };
      });
    },
  };
}

const match: Step = (pass) => void (pass.plan = pass.index.planFor(pass.context));

/** With `onStateError: allow` a step whose store fails is passed over, loudly; what asks a person still does not run. */
function survivingSteps({ ports, settings }: EngineParts, steps: readonly Step[]): readonly Step[] {
  if (settings.onStateError === "block") return steps;
  const passOver = (error: unknown): void => {
    if (!isStateFailure(error)) throw error;
    ports.logger.error("the state store failed during a decision; onStateError: allow", {
      error: error.message,
    });
  };
  return steps.map((step) => (pass) => {
    try {
      const done = step(pass);
      return isThenable(done) ? done.catch(passOver) : done;
    } catch (error) {
      return passOver(error);
    }
  });
}

function isStateFailure(error: unknown): error is AgentplaneError {
  return error instanceof AgentplaneError && error.code === "state_failed";
}

/** Whatever fails inside the engine blocks the call; the store's failures are told apart from our own. */
function refuseFailure(pass: Pass, { ports }: EngineParts, error: unknown): void {
  const isState = isStateFailure(error);
  ports.logger.error(
    isState ? "the state store failed during a decision" : "the engine failed during a decision",
    {
      hookpoint: pass.context.hookpoint,
      error: error instanceof Error ? `${error.name}: ${error.message}` : "not an error",
    },
  );
  pass.refusal = isState
    ? { cause: "state_error", reason: "the state store does not answer, so nothing may run" }
    : { cause: "engine_error", reason: "the policy engine failed on this call, so it is blocked" };
}
