import type { MaybePromise } from "../base/maybe-promise.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Decision, Intent } from "../decision/decision.ts";
import type { Denial, RuleOptions, Ruling } from "../decision/decision-point.ts";
import { createAtOnce, type AtOnceSteps } from "./at-once.ts";
import { buildDecision } from "./build-decision.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import { conclude } from "./conclude.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlightTable } from "./in-flight.ts";
import { NO_DUTIES, type OwnedObligation } from "./owned-obligation.ts";
import { setRare, type Pass } from "./pass.ts";
import { createPass } from "./create-pass.ts";
import { survivingSteps, walk, type Pipeline, type PipelineParts, type Step } from "./pipeline.ts";
import type { InForce } from "./assemble-policies.ts";
import { runRules, runShadow } from "./run-rules.ts";
import { enterCall, guessCall, knownCall } from "./step-admission.ts";
import { approve } from "./step-approval.ts";
import { applyDefault, refuseUngranted } from "./step-default.ts";
import { gate, gateAgain, judgeModes } from "./step-gate.ts";
import { climb } from "./step-ladders.ts";
import { bindOnce, reserve } from "./step-reserve.ts";
import { guessSession, readSession, readSessionAgain, refuseLateSession } from "./step-session.ts";
import { redactDepsOf, rewrite } from "./step-rewrite.ts";

/** A judged result, and the pass that judged it. */
export interface JudgedResult {
  readonly ruling: Ruling;
  readonly pass: Pass;
}

/** Decides contexts: the pipeline, wired once. */
export interface Decider {
  decide(context: PolicyContext, intent: Intent, how?: RuleOptions): MaybePromise<Ruling>;
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
  ): MaybePromise<JudgedResult>;
}

/**
 * The pipeline. Its order is the list below: cheap and final things first, state last, so that a denied call consumes
 * nothing.
 */
const ENTERING: readonly Step[] = [gate, match, enterCall, readSession];
const JUDGING: readonly Step[] = [runShadow, judgeModes, runRules, rewrite, applyDefault];
const BINDING: readonly Step[] = [
  reserve,
  readSessionAgain,
  climb,
  refuseUngranted,
  gateAgain,
  approve,
  gateAgain,
  refuseLateSession,
];
const STEPS: readonly Step[] = [...ENTERING, ...JUDGING, ...BINDING];

/** The same where the store admits in one step: first on what is known without asking it. */
const AT_ONCE: AtOnceSteps = {
  guessing: [gate, match, guessCall, guessSession],
  entering: ENTERING,
  judging: JUDGING,
  bind: bindOnce,
  binding: BINDING,
};

/** What the others would do at a peek is nothing: it has no state, and nothing is awaited but rules. */
const PEEK_STEPS: readonly Step[] = [enterPeek, runRules, applyDefault];

const EXPLAIN_STEPS: readonly Step[] = [
  gate,
  match,
  knowCall,
  readSession,
  runShadow,
  judgeModes,
  runRules,
  rewrite,
  applyDefault,
  reserve,
];

const AFTER_STEPS: readonly Step[] = [
  gate,
  match,
  readSession,
  runShadow,
  judgeModes,
  runRules,
  rewrite,
  climb,
  gateAgain,
];

/** Wires the pipeline. */
export function createDecider(
  engineParts: EngineParts,
  inForce: () => InForce,
  inFlight: InFlightTable,
): Decider {
  const parts: PipelineParts = { ...engineParts, inFlight, redactDeps: redactDepsOf(engineParts) };
  const surviving = <R>(steps: readonly Step[], end: Pipeline<R>["end"]): Pipeline<R> => ({
    steps: survivingSteps(parts, steps),
    end,
  });
  const full = surviving(STEPS, conclude);
  const peek: Pipeline<Ruling> = { steps: PEEK_STEPS, end: conclude };
  const explained = surviving(EXPLAIN_STEPS, decisionOf);
  const after = surviving(AFTER_STEPS, judgedResult);
  const afterRuled = surviving(AFTER_STEPS, conclude);
  const { admit } = parts;
  const atOnce = admit && createAtOnce(admit, parts, { steps: AT_ONCE, inForce });
  return {
    decide(context, intent, how) {
      const canAsk = how?.canAsk !== false;
      const isCounted = how?.isCounted === true;
      if (atOnce !== undefined && !isCounted && intent === "admit" && !isAfter(context.hookpoint))
        return atOnce(context, canAsk);
      const pass = createPass(context, intent, inForce(), parts);
      if (!canAsk) setRare(pass, { isUnasked: true });
      if (isCounted) setRare(pass, { isCounted });
      if (isAfter(context.hookpoint)) return walk(afterRuled, pass, parts);
      return walk(intent === "peek" ? peek : full, pass, parts);
    },
    explain(context) {
      // An early question reads sessions and probes limits; without the steps that write it leaves nothing behind.
      const pass = createPass(context, "ask", inForce(), parts);
      setRare(pass, { isExplaining: true });
      return walk(explained, pass, parts);
    },
    refuse(context, denial, intent) {
      const pass = createPass(context, intent, inForce(), parts);
      pass.refusal = denial;
      return conclude(pass, parts);
    },
    judgeResult(context, denial, admittedDuties = NO_DUTIES) {
      const pass = createPass(context, "admit", inForce(), parts);
      pass.refusal = denial;
      if (admittedDuties.length > 0) pass.duties = knownLastingDuties(admittedDuties, pass);
      return walk(after, pass, parts);
    },
  };
}

/** What comes before the rules of a peek never waits: as one step it is compiled as one. */
function enterPeek(pass: Pass, parts: PipelineParts): void {
  gate(pass, parts);
  if (pass.refusal !== undefined) return;
  match(pass);
  runShadow(pass, parts);
  judgeModes(pass, parts);
}

/** Whose past is read: a call's own earlier attempt is none of it. */
function knowCall(pass: Pass, parts: PipelineParts): void {
  knownCall(pass, parts);
}

function match(pass: Pass): void {
  pass.plan = pass.index.planFor(pass.context, pass.context.hookpoint);
}

function decisionOf(pass: Pass, parts: PipelineParts): Decision {
  return buildDecision(pass, parts.ports.ids.next("dec"), parts);
}

function judgedResult(pass: Pass, parts: PipelineParts): JudgedResult {
  return { ruling: { decision: decisionOf(pass, parts), context: pass.context, callKeys: NO_KEYS }, pass };
}

const NO_KEYS: readonly string[] = Object.freeze([]);

/** The admissions of one plan mostly impose the very same list. */
function knownLastingDuties(admitted: readonly OwnedObligation[], pass: Pass): readonly OwnedObligation[] {
  const plan = pass.index.planFor(pass.context, pass.context.hookpoint);
  if (plan.lasting?.of !== admitted)
    plan.lasting = { of: admitted, duties: lastingDuties(admitted, plan.entries) };
  return plan.lasting.duties;
}

/** What a rule imposed before the call holds for its result, unless the same rule imposes it again there. */
function lastingDuties(
  admitted: readonly OwnedObligation[],
  entries: readonly CompiledEntry[],
): readonly OwnedObligation[] {
  // A selector may name hookpoints before the call alone, and the policy may be gone meanwhile.
  const lasts = ({ entry, obligation }: OwnedObligation): boolean =>
    !entry.obligations.includes(obligation) || !entries.includes(entry);
  return admitted.some(lasts) ? admitted.filter(lasts) : NO_DUTIES;
}
