import { ownMember } from "../base/own-member.ts";
import { HOOKPOINTS, isAfter } from "../context/hookpoint.ts";
import { contradictionIn } from "./lint-contradiction.ts";
import { parameter, reportAlways, reportNever, type LintedPolicy, type LintedRule } from "./lint-finding.ts";

/** What the members of a structured condition need of a hookpoint; custom hookpoints may carry anything. */
const CARRIED_BY: Readonly<Record<string, (hookpoint: string) => boolean>> = {
  tool: (hookpoint) => hookpoint.endsWith("_tool_call"),
  model: (hookpoint) => hookpoint.endsWith("_model_call"),
  provider: (hookpoint) => hookpoint.endsWith("_model_call"),
  target: (hookpoint) => /_(?:handoff|resource_read|prompt_get|elicitation)$/.test(hookpoint),
  result: isAfter,
  usage: isAfter,
  isError: isAfter,
};

/** Finds conditions that no selected hookpoint can answer, or that do not look at any of them. */
export function lintCondition(linted: LintedPolicy, rule: LintedRule, hookpoints: readonly string[]): void {
  const members = ["where", "require"] as const;
  const missing = members.flatMap((member) => missingIn(parameter(rule, member), `.${member}`, hookpoints));
  for (const { name, path } of missing)
    reportNever(linted, rule, `none of the selected hookpoints carries "${name}"`, { at: path });
  if (missing.length > 0 || lintContradiction(linted, rule)) return;
  // What CEL asks about is not known here.
  if (parameter(rule, "when") !== undefined || !hookpoints.every(isAfter)) return;
  if (members.some((member) => isAboutOutcome(parameter(rule, member)))) return;
  const message = "after the action it looks only for result, usage, isError or hookpoint, and asks for none";
  reportNever(linted, rule, message);
}

/** @returns Whether its `where` can never hold. */
function lintContradiction(linted: LintedPolicy, rule: LintedRule): boolean {
  const [never, unmet] = [parameter(rule, "where"), parameter(rule, "require")].map(contradictionIn);
  if (unmet !== undefined)
    reportAlways(linted, rule, { at: ".require", message: `${said(unmet)}: nothing can meet it` });
  if (never === undefined) return false;
  reportNever(linted, rule, said(never), { at: ".where", suggestion: "change what it compares" });
  return true;
}

function said(subject: string): string {
  return `what it says of "${subject}" contradicts itself`;
}

/** All members of a condition must hold, so one that nothing carries is enough; of `any` and `not` that is not so. */
function missingIn(
  condition: unknown,
  path: string,
  hookpoints: readonly string[],
): readonly { readonly name: string; readonly path: string }[] {
  return membersOf(condition).flatMap(([name, value]) => {
    if (name === "all" && Array.isArray(value))
      return value.flatMap((one, at) => missingIn(one, `${path}.all[${at}]`, hookpoints));
    const isCarried = ownMember(CARRIED_BY, name);
    if (isCarried === undefined || hookpoints.some((one) => isCustom(one) || isCarried(one))) return [];
    return [{ name, path: `${path}.${name}` }];
  });
}

/** Whether a hookpoint is one of the user's own: it may carry anything. */
export function isCustom(hookpoint: string): boolean {
  return !HOOKPOINTS.some((known) => known === hookpoint);
}

function isAboutOutcome(condition: unknown): boolean {
  return membersOf(condition).some(([name, value]) => {
    if (name === "not") return isAboutOutcome(value);
    if (name === "all" || name === "any") return Array.isArray(value) && value.some(isAboutOutcome);
    return name === "hookpoint" || ownMember(CARRIED_BY, name) === isAfter;
  });
}

function membersOf(condition: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(Object(condition));
}
