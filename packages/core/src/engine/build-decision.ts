import { msSince } from "../base/ms-since.ts";
import type { Answer } from "../decision/answer.ts";
import type { Decision, DecisionCause, Effect, Finding } from "../decision/decision.ts";
import { TemplateMark, type SharedDecision } from "../decision/decision-template.ts";
import type { Obligation } from "../decision/obligation.ts";
import type { PassAnswer } from "./compiled-policy.ts";
import { rememberTemplate, templateBefore } from "./known-templates.ts";
import type { EngineParts } from "./engine-parts.ts";
import { outcomeOf, type PassOutcome } from "./outcome-of-pass.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import type { Pass } from "./pass.ts";

const NOTHING: readonly never[] = Object.freeze([]);

/**
 * Writes the decision of a finished pass: JSON-safe, without any content of the call.
 * @param pass A pass whose steps have all run, or that was refused on the way.
 * @param id The decision's id.
 */
export function buildDecision(pass: Pass, id: string, parts: EngineParts): Decision {
  const shared = templateBefore(pass) ?? rememberTemplate(pass, sharedOf(pass, parts));
  const decision: Decision = {
    id,
    hookpoint: shared.hookpoint,
    intent: shared.intent,
    verdict: shared.verdict,
    effect: shared.effect,
    cause: shared.cause,
    policyId: shared.policyId,
    policyVersion: shared.policyVersion,
    ruleId: shared.ruleId,
    reason: shared.reason,
    message: shared.message,
    retryAfterMs: shared.retryAfterMs,
    approvalId: shared.approvalId,
    obligations: shared.obligations,
    findings: shared.findings,
    shadow: shared.shadow,
    modes: shared.modes,
    revision: shared.revision,
    isUnknown: shared.isUnknown,
    isOverrun: shared.isOverrun,
    durationMs: msSince(parts.ports.clock, pass.startedMs),
  };
  // Nobody writes down a peek.
  if (shared.isKept && pass.intent !== "peek") TemplateMark.put(decision, shared);
  return Object.freeze(decision);
}

function sharedOf(pass: Pass, parts: EngineParts): SharedDecision {
  const outcome = outcomeOf(pass, parts.settings.combine);
  const words = wordsOf(pass, outcome);
  return {
    hookpoint: pass.context.hookpoint,
    intent: pass.intent,
    verdict: outcome.verdict,
    effect: outcome.effect,
    cause: words.cause,
    policyId: words.policyId,
    policyVersion: words.policyVersion,
    ruleId: words.ruleId,
    reason: words.reason,
    message: words.message,
    retryAfterMs: outcome.effect === "allow" ? undefined : words.retryAfterMs,
    approvalId: pass.rare.approvalId,
    obligations: outcome.effect === "block" ? NOTHING : obligationsOf(pass.duties),
    findings: findingsOf(outcome.voters),
    shadow: findingsOf(pass.rare.shadowAnswers),
    modes: pass.rare.modes,
    revision: pass.revision,
    isUnknown: pass.isUnknown,
    isOverrun: pass.rare.isOverrun && outcome.effect === "allow",
  };
}

interface Words {
  readonly cause: DecisionCause;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly policyId?: string | undefined;
  readonly policyVersion?: string | undefined;
  readonly ruleId?: string | undefined;
}

const ALLOWED: Words = Object.freeze({ cause: "default", reason: "nothing objects", message: "Allowed." });
const NO_POLICY: Words = Object.freeze({
  cause: "no_policy",
  reason: "no policy concerns this call",
  message: "Allowed.",
});

function wordsOf(pass: Pass, { effect, deciding, voters }: PassOutcome): Words {
  const { refusal } = pass;
  if (refusal !== undefined) return { ...refusal, message: refusal.message ?? `Blocked: ${refusal.reason}.` };
  if (effect === "ask") return askWords(pass, voters, deciding);
  if (deciding === undefined) return pass.plan?.hasPolicy === true ? ALLOWED : NO_POLICY;
  return ruleWords(pass, deciding, effect);
}

function askWords(
  { rare: { asks } }: Pass,
  voters: readonly PassAnswer[],
  deciding: PassAnswer | undefined,
): Words {
  const first = asks[0];
  const asking = voters.find(({ effect }) => effect === "ask") ?? deciding;
  const reason = asking?.said.reason ?? `mode ${first?.policyId.replace("mode:", "") ?? ""} asks a human`;
  return {
    cause: "approval",
    reason,
    message: "This action waits for a human's approval.",
    policyId: first?.policyId ?? asking?.policyId,
    policyVersion: first?.policyVersion ?? asking?.entry.policy.version,
    ruleId: first?.ruleId ?? asking?.entry.ruleId,
  };
}

function ruleWords({ context }: Pass, deciding: PassAnswer, effect: Effect): Words {
  const { entry, said, answer, cause } = deciding;
  // A ladder's level decided when a rule that only escalates ends in a block.
  const isLadder = deciding.effect === "block" && answer !== "block";
  return {
    cause: isLadder ? "ladder" : cause,
    reason: said.reason,
    message:
      effect === "block"
        ? (said.message ?? `Blocked by policy: ${said.reason}.${hintFor(said, context.tool?.name)}`)
        : "Allowed.",
    retryAfterMs: said.retryAfterMs,
    policyId: entry.policy.id,
    policyVersion: entry.policy.version,
    ruleId: entry.ruleId,
  };
}

function hintFor({ retryAfterMs }: Answer, tool: string | undefined): string {
  if (retryAfterMs !== undefined) return " Do something else until then.";
  return tool === undefined ? "" : ` Do not call ${tool} in the same way again.`;
}

function findingsOf(answers: readonly PassAnswer[]): readonly Finding[] {
  if (answers.length === 0) return NOTHING;
  const findings = answers.map(({ entry, said }) =>
    Object.freeze({
      policyId: entry.policy.id,
      policyVersion: entry.policy.version,
      ruleId: entry.ruleId,
      kind: entry.kind,
      answer: said.answer,
      reason: said.reason,
      failure: said.failure,
    }),
  );
  return Object.freeze(findings);
}

function obligationsOf(duties: readonly OwnedObligation[]): readonly Obligation[] {
  return duties.length === 0 ? NOTHING : Object.freeze(duties.map(({ obligation }) => obligation));
}
