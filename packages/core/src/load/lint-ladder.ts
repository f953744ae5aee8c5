import { requireDurationMs } from "../base/duration.ts";
import type { EscalationStep } from "../policy/policy.ts";
import { parameter, type LintedPolicy, type LintedRule, type LintOptions } from "./lint-finding.ts";

/** Finds triggers that no rule emits, levels that a later one always overtakes, and asks that nobody can answer. */
export function lintLadder(linted: LintedPolicy, options: LintOptions): void {
  const steps = linted.policy.escalation ?? [];
  for (const [position, step] of steps.entries()) {
    lintTrigger(linted, step, `escalation[${position}]`);
    lintOvertaken(linted, steps, position);
  }
  if (!options.hasResolver) lintApprovals(linted, steps);
}

function lintTrigger(linted: LintedPolicy, { trigger }: EscalationStep, path: string): void {
  // Redaction only hands out duties: nothing it does is a breach.
  const emitters = linted.rules.filter(({ timing, spec }) => timing === "blocking" && spec.rule !== "redact");
  if (emitters.some(({ name, spec }) => trigger === name || trigger === spec.rule)) return;
  const names = emitters.map(({ name }) => name);
  linted.report({
    code: "trigger_unknown",
    severity: "error",
    path: `${path}.trigger`,
    message: `no blocking rule of this policy is or is called "${trigger}": the level is never reached`,
    suggestion: names.length === 0 ? "add a rule that can be breached" : `name one of ${names.join(", ")}`,
  });
}

/**
 * The level in force is the highest in list order whose count is reached. A later one that needs no more breaches in
 * no shorter a time is reached whenever this one is.
 */
function lintOvertaken(linted: LintedPolicy, steps: readonly EscalationStep[], position: number): void {
  const step = steps[position];
  if (step === undefined) return;
  const overtaking = steps.findIndex(
    (later, index) =>
      index > position &&
      later.trigger === step.trigger &&
      later.after <= step.after &&
      requireDurationMs(later.within) >= requireDurationMs(step.within),
  );
  if (overtaking === -1) return;
  linted.report({
    code: "level_unreachable",
    severity: "warning",
    path: `escalation[${position}]`,
    message: `escalation[${overtaking}] comes later and is reached no later: this level is never in force`,
    suggestion: "order the levels by after, or remove one",
  });
}

function lintApprovals(linted: LintedPolicy, steps: readonly EscalationStep[]): void {
  const report = (path: string, message: string): void =>
    linted.report({
      code: "approval_unresolvable",
      severity: "warning",
      path,
      message: `${message}, and nothing is wired that could answer: the call is blocked`,
      suggestion: "pass an approval resolver, or connect a server",
    });
  for (const [position, { action }] of steps.entries()) {
    const path = `escalation[${position}].action`;
    if ("hitl" in action) report(`${path}.hitl`, "this level asks a person");
    if ("degrade" in action && action.degrade.mode === "HUMAN_LOOP")
      report(`${path}.degrade`, "HUMAN_LOOP asks a person");
  }
  for (const rule of linted.rules) {
    if (Object(parameter(rule, "degrade")).mode === "HUMAN_LOOP")
      report(`${rule.path}.degrade`, "HUMAN_LOOP asks a person");
    if (asksWithoutLadder(rule, steps)) report(rule.path, "an escalation without a ladder asks a person");
  }
}

function asksWithoutLadder(rule: LintedRule, steps: readonly EscalationStep[]): boolean {
  const escalates = ["onBreach", "onFinding", "then"].some((name) => parameter(rule, name) === "escalate");
  return escalates && !steps.some(({ trigger }) => trigger === rule.name || trigger === rule.spec.rule);
}
