import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Answer, RuleAnswer } from "../decision/answer.ts";
import type { CombineAlgorithm } from "../decision/combine.ts";
import { isBlindPeek, isUnknownToPeek } from "./blind-peek.ts";
import { callRule, type RuleRunner } from "./call-rule.ts";
import type { CompiledEntry, PassAnswer } from "./compiled-policy.ts";
import { dutiesOf, NO_DUTIES, type OwnedObligation } from "./owned-obligation.ts";
import { setRare, type Pass } from "./pass.ts";
import { addAnswer, ruleAnswer } from "./pass-answer.ts";
import { isLive, type Plan } from "./plan.ts";

/**
 * Puts the call to the rules that match: synchronous ones in candidate order up to the first block, promises awaited
 * together. A synchronous block does not wait for them.
 */
export function runRules(pass: Pass, runner: RuleRunner): MaybePromise<void> {
  const { plan } = pass;
  if (plan === undefined) return;
  const { entries, askedCount, firstAsked } = plan;
  for (let at = 0; at < askedCount; at++) {
    const entry = at === 0 ? firstAsked! : plan.asked[at]!;
    if (plan.isDynamic && !isLive(entry, pass.context)) continue;
    if (isUnknownToPeek(pass, entry)) continue;
    const result = callRule(entry, pass, runner);
    if (result === undefined) continue;
    const { told } = entry;
    // Known by itself, so that nothing of it has to be fetched; anything else but a plain answer goes another way.
    let answer = told !== undefined && told.given === result ? told : undefined;
    if (answer === undefined) {
      if (!isPlainAnswer(result)) {
        const position = entries.indexOf(entry);
        takeStaticDuties(pass, plan, position + 1);
        return runTogether(pass, runner, { entries, position, result });
      }
      answer = ruleAnswer(entry, result);
    }
    addAnswer(pass, answer);
    // What comes after the last word imposes nothing.
    if (isLast(pass, answer, runner.settings.combine)) {
      takeStaticDuties(pass, plan, entries.indexOf(entry) + 1);
      return;
    }
  }
  if (!plan.isDynamic && pass.duties === NO_DUTIES) pass.duties = plan.allDuties;
  else takeStaticDuties(pass, plan, entries.length);
}

function isPlainAnswer(
  result: MaybePromise<RuleAnswer | undefined>,
): result is RuleAnswer & { readonly answer: Answer } {
  return !isThenable(result) && hasAnswer(result) && result.obligations === undefined;
}

function hasAnswer(given: RuleAnswer | undefined): given is RuleAnswer & { readonly answer: Answer } {
  return given?.answer !== undefined;
}

/** Whether the answer that was just added ends the search; see `isFinal`. */
function isLast({ rare, answers }: Pass, { answer }: PassAnswer, combine: CombineAlgorithm): boolean {
  if (rare.isExplaining || answer !== "block") return false;
  return combine === "mostRestrictive" || answers[0]?.entry.policy === answers.at(-1)?.entry.policy;
}

/** Where the first rule gave something else than a plain answer: a promise, or duties of its own. */
interface Turn {
  readonly entries: readonly CompiledEntry[];
  readonly position: number;
  readonly result: MaybePromise<RuleAnswer | undefined>;
}

/** Goes on from such a rule: all that is said is collected, and put in candidate order when all is known. */
function runTogether(
  pass: Pass,
  runner: RuleRunner,
  { entries, position: first, result: given }: Turn,
): MaybePromise<void> {
  const { combine } = runner.settings;
  const waiting: Promise<PositionedAnswer>[] = [];
  const answered: PositionedAnswer[] = pass.answers.map(({ entry, given: known }) => ({
    position: -1,
    entry,
    given: known,
  }));
  pass.answers = NO_ANSWERS;
  for (let position = first; position < entries.length; position++) {
    const entry = entries[position]!;
    if (position > first) {
      if (!isLive(entry, pass.context)) continue;
      takeDuties(pass, entry.duties);
      if (entry.check === undefined || isUnknownToPeek(pass, entry)) continue;
    }
    const result = position === first ? given : callRule(entry, pass, runner);
    if (isThenable(result)) {
      waiting.push(result.then((late) => ({ position, entry, given: late })));
      continue;
    }
    if (result === undefined) continue;
    answered.push({ position, entry, given: result });
    if (isFinal(pass, answered, { combine, isWaiting: waiting.length > 0 })) break;
  }
  if (waiting.length === 0 || isFinal(pass, answered, { combine, isWaiting: true }))
    return settle(pass, answered, combine);
  return Promise.all(waiting).then((late) =>
    settle(
      pass,
      [...answered, ...late].toSorted((a, b) => a.position - b.position),
      combine,
    ),
  );
}

const NO_ANSWERS: readonly PassAnswer[] = Object.freeze([]);

/**
 * Whether nothing that comes later can change the outcome. Under `priority` a block is the last word only if its policy
 * is the first that answered; otherwise it does not take part, and the later policies still owe their duties.
 */
function isFinal(
  { rare }: Pass,
  answered: readonly PositionedAnswer[],
  { combine, isWaiting }: { readonly combine: CombineAlgorithm; readonly isWaiting: boolean },
): boolean {
  const last = answered.at(-1);
  if (rare.isExplaining || last?.given?.answer?.answer !== "block") return false;
  if (combine === "mostRestrictive") return true;
  return (
    !isWaiting &&
    answered.find(({ given }) => given?.answer !== undefined)?.entry.policy === last.entry.policy
  );
}

interface PositionedAnswer {
  readonly position: number;
  readonly entry: CompiledEntry;
  /** Undefined only from a rule that was waited for. */
  readonly given: RuleAnswer | undefined;
}

function settle(pass: Pass, answered: readonly PositionedAnswer[], combine: CombineAlgorithm): void {
  for (const [position, { entry, given }] of answered.entries()) {
    if (given === undefined) continue;
    if (given.obligations !== undefined) takeDuties(pass, dutiesOf(entry, given.obligations));
    if (!hasAnswer(given)) continue;
    addAnswer(pass, ruleAnswer(entry, given));
    // Candidates after the block that decides record no breach.
    if (given.answer.answer !== "block") continue;
    if (isFinal(pass, answered.slice(0, position + 1), { combine, isWaiting: false })) return;
  }
}

/** Takes the standing duties of the plan's first entries; where all of them hold, the plan's own list is shared. */
function takeStaticDuties(pass: Pass, plan: Plan, count: number): void {
  if (!plan.isDynamic && pass.duties === NO_DUTIES) {
    pass.duties = plan.dutiesBefore[count]!;
    return;
  }
  for (let position = 0; position < count; position++) {
    const entry = plan.entries[position]!;
    if (isLive(entry, pass.context)) takeDuties(pass, entry.duties);
  }
}

/** A rule's own list is shared until there is a second one, so lists are replaced and never changed. */
function takeDuties(pass: Pass, duties: readonly OwnedObligation[]): void {
  if (duties.length === 0) return;
  pass.duties = pass.duties.length === 0 ? duties : [...pass.duties, ...duties];
}

/**
 * Runs shadow rules: their answers are recorded and change nothing. Asynchronous ones run aside and never delay; what
 * they say is recorded when they have said it.
 */
export function runShadow(pass: Pass, runner: RuleRunner): void {
  const shadow = pass.plan?.shadow;
  if (shadow === undefined || shadow.length === 0) return;
  for (const entry of shadow) {
    if (entry.check === undefined || !isLive(entry, pass.context) || isBlindPeek(pass, entry)) continue;
    const result = callRule(entry, pass, runner);
    if (isThenable(result))
      setRare(pass, { lateShadow: [...pass.rare.lateShadow, { entry, given: result }] });
    else if (hasAnswer(result))
      setRare(pass, { shadowAnswers: [...pass.rare.shadowAnswers, ruleAnswer(entry, result)] });
  }
}

/**
 * Asks some rules once more: the stateless ones about a rewritten input, those of the history when it may have moved on.
 * @param isMeant Which rules are asked.
 */
export function recheck(
  pass: Pass,
  runner: RuleRunner,
  isMeant: (entry: CompiledEntry) => boolean,
): MaybePromise<void> {
  const entries = (pass.plan?.entries ?? []).filter(
    (entry) => isMeant(entry) && entry.check !== undefined && isLive(entry, pass.context),
  );
  const take = (entry: CompiledEntry, given: RuleAnswer | undefined): void => {
    // Only what is stricter counts the second time: there is no second rewrite, and nothing is granted twice.
    if (hasAnswer(given) && given.answer.answer !== "allow" && !hasSaid(pass, entry, given.answer))
      addAnswer(pass, ruleAnswer(entry, given));
  };
  const next = (position: number): MaybePromise<void> => {
    const entry = entries[position];
    if (entry === undefined) return;
    return andThen(callRule(entry, pass, runner), (given) => {
      take(entry, given);
      return next(position + 1);
    });
  };
  return next(0);
}

function hasSaid(pass: Pass, entry: CompiledEntry, { answer }: Answer): boolean {
  return pass.answers.some((earlier) => earlier.entry === entry && earlier.answer === answer);
}
