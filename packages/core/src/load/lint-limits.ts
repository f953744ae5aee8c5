import { parameter, type LintedPolicy, type LintedRule } from "./lint-finding.ts";

/** Finds limits that admit nothing, that a new session escapes, that bind no one yet, or that are never reached. */
export function lintLimits(linted: LintedPolicy): void {
  const limits = linted.rules.filter(isLimit);
  for (const rule of limits) {
    lintZero(linted, rule);
    lintSession(linted, rule, limits);
    lintSoft(linted, rule, limits);
    lintLooser(linted, rule, limits);
  }
}

/** A hard limit stops a call before a looser one that counts the same could; a ladder may still ask for the looser one. */
function lintLooser(linted: LintedPolicy, rule: LintedRule, limits: readonly LintedRule[]): void {
  const counts = countsOf(rule);
  const tighter = limits.find(
    (other) => isHard(other) && countsOf(other) === counts && mostOf(other) < mostOf(rule),
  );
  if (tighter === undefined || ladderOf(linted, rule).length > 0) return;
  linted.report({
    code: "limit_never_reached",
    severity: "warning",
    path: rule.path,
    message: `"${tighter.name}" counts the same and stops every call that this one could stop`,
    suggestion: "remove it, or change its window or per",
  });
}

const NUMBERS = ["limit", "maxTokens", "maxUsd"];
/** What says how a limit answers and from which number on; and `per`, which has a default. */
const ANSWERING = new Set([...NUMBERS, "id", "onBreach", "degrade", "per"]);

/** What a limit counts; one that is not written alike may count something else. */
function countsOf({ spec }: LintedRule): string {
  const names = Object.keys(spec).filter((name) => !ANSWERING.has(name));
  const members = names.toSorted().map((name) => [name, spec[name]]);
  return JSON.stringify([spec["per"] ?? "agent", members]);
}

/** How much it admits: of other kinds nobody knows whether more of a number is looser. */
function mostOf(rule: LintedRule): number {
  const name =
    /^(?:rate|tokenBudget|costBudget)$/.test(rule.spec.rule) && NUMBERS.find((one) => one in rule.spec);
  return name ? Number(parameter(rule, name)) : NaN;
}

function isLimit({ spec, timing }: LintedRule): boolean {
  return timing === "blocking" && ("window" in spec || "per" in spec || amountsOf(spec).length > 0);
}

function amountsOf(spec: LintedRule["spec"]): readonly [name: string, value: number][] {
  return Object.entries(spec).filter(
    (entry): entry is [string, number] =>
      /^(?:limit|max[A-Z]\w*)$/.test(entry[0]) && typeof entry[1] === "number",
  );
}

function lintZero(linted: LintedPolicy, { spec, path }: LintedRule): void {
  for (const [name, value] of amountsOf(spec)) {
    if (value !== 0) continue;
    linted.report({
      code: "limit_zero",
      severity: "warning",
      path: `${path}.${name}`,
      message: "a limit of 0 admits no call at all",
      suggestion: "use denylist to forbid, or raise the limit",
    });
  }
}

function lintSession(linted: LintedPolicy, rule: LintedRule, limits: readonly LintedRule[]): void {
  if (!isPerSessionOnly(rule)) return;
  const hasOther = limits.some((other) => other.spec.rule === rule.spec.rule && !isPerSessionOnly(other));
  if (hasOther) return;
  linted.report({
    code: "session_limit_alone",
    severity: "warning",
    path: `${rule.path}.per`,
    message: "a limit per session alone starts anew with every new session",
    suggestion: "add a limit per: agent, tenant or user beside it",
  });
}

function isPerSessionOnly(rule: LintedRule): boolean {
  return [parameter(rule, "per")].flat().every((subject) => subject === "session");
}

function lintSoft(linted: LintedPolicy, rule: LintedRule, limits: readonly LintedRule[]): void {
  if (parameter(rule, "onBreach") !== "escalate") return;
  const first = ladderOf(linted, rule).toSorted((a, b) => a.after - b.after)[0];
  if (first === undefined || !("alert" in first.action)) return;
  if (limits.some((other) => other.spec.rule === rule.spec.rule && isHard(other))) return;
  linted.report({
    code: "soft_limit_alone",
    severity: "warning",
    path: rule.path,
    message: "the first breaches only raise an alert, and no hard limit stands beside this one",
    suggestion: `add a higher ${rule.spec.rule} with onBreach: block`,
  });
}

function ladderOf({ policy: { escalation = [] } }: LintedPolicy, rule: LintedRule): typeof escalation {
  return escalation.filter(({ trigger }) => trigger === rule.name || trigger === rule.spec.rule);
}

function isHard(rule: LintedRule): boolean {
  return (parameter(rule, "onBreach") ?? "block") === "block";
}
