import { isDeeplyFrozen } from "../base/deeply-frozen.ts";
import type { DecisionTemplate, SharedDecision } from "../decision/decision-template.ts";
import type { PassAnswer } from "./compiled-policy.ts";
import type { DecidedBefore, DecidedTable } from "./decided-before.ts";
import type { Pass } from "./pass.ts";
import { isDefaultRefusal } from "./step-default.ts";

/** Answers of built-in rules are few; a place that sees more of them is not worth remembering. */
const MAX_REMEMBERED = 8;

/**
 * The template that a pass with the same outcome led to before; undefined where there is none, or where too much else
 * went into the decision.
 */
export function templateBefore(pass: Pass): DecisionTemplate | undefined {
  const table = tableOf(pass);
  const latest = table?.latest;
  if (table === undefined || latest === undefined) return undefined;
  const answer = firstAnswer(pass);
  if (isSame(latest, pass, answer)) return latest;
  for (let at = 0; at < table.others.length; at++) {
    const other = table.others[at]!;
    if (!isSame(other, pass, answer)) continue;
    table.others[at] = latest;
    table.latest = other;
    return other;
  }
  return undefined;
}

/** Keeps what a pass came to, where passes like it will come to the same. */
export function rememberTemplate(pass: Pass, shared: SharedDecision): DecisionTemplate {
  const table = tableOf(pass);
  // Whoever could still change a part of it would change other decisions too.
  const isKept = table !== undefined && isDeeplyFrozen(shared.findings) && isDeeplyFrozen(shared.obligations);
  const template: DecidedBefore = {
    byAnswer: firstAnswer(pass),
    byRefusal: pass.refusal,
    withDuties: pass.duties,
    isKept,
    ...shared,
    texts: undefined,
  };
  if (table === undefined || !isKept) return template;
  if (table.others.length >= MAX_REMEMBERED) table.others.length = 0;
  if (table.latest !== undefined) table.others.push(table.latest);
  table.latest = template;
  return template;
}

/** Not by looking where nothing is: V8 leaves that to a slow way, 3 % of a decision for three looks. */
function firstAnswer({ answers }: Pass): PassAnswer | undefined {
  return answers.length === 0 ? undefined : answers[0];
}

function isSame(before: DecidedBefore, pass: Pass, answer: PassAnswer | undefined): boolean {
  return (
    before.byAnswer === answer &&
    before.byRefusal === pass.refusal &&
    before.withDuties === pass.duties &&
    before.intent === pass.intent &&
    before.revision === pass.revision &&
    before.isUnknown === pass.isUnknown &&
    before.isOverrun === pass.rare.isOverrun &&
    before.hookpoint === pass.context.hookpoint
  );
}

/** Where such a pass is remembered: what no rule of a plan had a part in is the same everywhere. */
function tableOf(pass: Pass): DecidedTable | undefined {
  const { plan, answers, refusal } = pass;
  if (plan === undefined || answers.length > 1 || hasMore(pass)) return undefined;
  if (refusal !== undefined && !isDefaultRefusal(refusal)) return undefined;
  const answer = firstAnswer(pass);
  if (answer === undefined && pass.duties.length === 0 && refusal !== undefined) return pass.index.decided;
  // An answer that is not its rule's last one may never come again.
  if (answer !== undefined && answer.entry.told !== answer) return undefined;
  return pass.duties === plan.allDuties ? plan : undefined;
}

function hasMore({ rare: { asks, shadowAnswers, modes, approvalId } }: Pass): boolean {
  return asks.length > 0 || shadowAnswers.length > 0 || modes.length > 0 || approvalId !== undefined;
}
