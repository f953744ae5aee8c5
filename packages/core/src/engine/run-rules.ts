import { assertNever } from "../base/assert-never.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Answer, RuleAnswer } from "../decision/answer.ts";
import type { CombineAlgorithm } from "../decision/combine.ts";
import type { Effect } from "../decision/decision.ts";
import type { RuleRead } from "../rules/rule.ts";
import { callRule, type RuleRunner } from "./call-rule.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import { dutiesOf, type OwnedObligation } from "./owned-obligation.ts";
import type { Pass, PassAnswer } from "./pass.ts";
import { isLive } from "./plan.ts";

/**
 * Puts the call to the rules that match: synchronous ones in candidate order up to the first block, promises awaited
 * together. A synchronous block does not wait for them.
 */
export function runRules(pass: Pass, runner: RuleRunner): MaybePromise<void> {
  const plan = pass.plan;
  if (plan === undefined || plan.entries.length === 0) return;
  const { combine } = runner.settings;
  const { entries } = plan;
  const waiting: Promise<PositionedAnswer>[] = [];
  const answered: PositionedAnswer[] = [];
  for (let position = 0; position < entries.length; position++) {
    const entry = entries[position]!;
    if (plan.isDynamic && !isLive(entry, pass.context)) continue;
    takeDuties(pass, entry.duties);
    if (entry.rule.check === undefined || isUnknownToPeek(pass, entry)) continue;
    const result = callRule(entry, pass, runner);
    if (isThenable(result)) {
      waiting.push(result.then((given) => ({ position, entry, given })));
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

/**
 * Whether nothing that comes later can change the outcome. Under `priority` a block is the last word only if its policy
 * is the first that answered; otherwise it does not take part, and the later policies still owe their duties.
 */
function isFinal(
  { isExplaining }: Pass,
  answered: readonly PositionedAnswer[],
  { combine, isWaiting }: { readonly combine: CombineAlgorithm; readonly isWaiting: boolean },
): boolean {
  const last = answered.at(-1);
  if (isExplaining || last?.given?.answer?.answer !== "block") return false;
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
    if (given.answer === undefined) continue;
    pass.answers.push(passAnswer(entry, given.answer, "rule"));
    // Candidates after the block that decides record no breach.
    if (given.answer.answer !== "block") continue;
    if (isFinal(pass, answered.slice(0, position + 1), { combine, isWaiting: false })) return;
  }
}

/** Wraps a rule's answer with the effect it has before any ladder. */
export function passAnswer(entry: CompiledEntry, said: Answer, cause: PassAnswer["cause"]): PassAnswer {
  return {
    entry,
    policyId: entry.policy.id,
    answer: said.answer,
    said,
    effect: ownEffect(said.answer),
    cause,
    isBinding: cause === "limit" && said.answer === "block",
  };
}

function ownEffect(answer: Answer["answer"]): Effect {
  switch (answer) {
    case "allow":
      return "allow";
    case "escalate":
      return "ask";
    case "degrade":
      // The mode that is set judges the call; the answer alone does not stop it.
      return "allow";
    case "block":
      return "block";
    default:
      return assertNever(answer, "answer");
  }
}

/** A rule's own list is shared until there is a second one, so lists are replaced and never changed. */
function takeDuties(pass: Pass, duties: readonly OwnedObligation[]): void {
  if (duties.length === 0) return;
  pass.duties = pass.duties.length === 0 ? duties : [...pass.duties, ...duties];
}

/** A peek has no state, and often no input: what it cannot know stays visible. */
function isUnknownToPeek(pass: Pass, entry: CompiledEntry): boolean {
  const isBlind = isBlindPeek(pass, entry);
  if (isBlind) pass.isUnknown = true;
  return isBlind;
}

function isBlindPeek({ intent, context }: Pass, entry: CompiledEntry): boolean {
  return intent === "peek" && (!entry.isStateless || entry.reads.some((read) => isAbsent(read, context)));
}

/** What this hookpoint never carries is not absent: the rule will not see it at the call either. */
function isAbsent(
  read: RuleRead,
  { hookpoint, tool, target, model, result, api, usage }: PolicyContext,
): boolean {
  switch (read) {
    case "input":
      return model === undefined && tool?.input === undefined && target?.input === undefined;
    case "messages":
      return model?.messages === undefined && tool === undefined;
    case "result":
      return result === undefined && isAfter(hookpoint);
    case "api":
      return api === undefined;
    case "usage":
      return usage === undefined && isAfter(hookpoint);
    case "session":
      return false;
    default:
      return assertNever(read, "what a rule reads");
  }
}

/**
 * Runs shadow rules: their answers are recorded and change nothing. Asynchronous ones run aside and never delay; what
 * they say is recorded when they have said it.
 */
export function runShadow(pass: Pass, runner: RuleRunner): void {
  for (const entry of pass.plan?.shadow ?? []) {
    if (entry.rule.check === undefined || !isLive(entry, pass.context) || isBlindPeek(pass, entry)) continue;
    const result = callRule(entry, pass, runner);
    if (isThenable(result)) pass.lateShadow = [...pass.lateShadow, { entry, given: result }];
    else if (result?.answer !== undefined) pass.shadowAnswers.push(passAnswer(entry, result.answer, "rule"));
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
    (entry) => isMeant(entry) && entry.rule.check !== undefined && isLive(entry, pass.context),
  );
  const take = (entry: CompiledEntry, given: RuleAnswer | undefined): void => {
    // Only what is stricter counts the second time: there is no second rewrite, and nothing is granted twice.
    if (
      given?.answer !== undefined &&
      given.answer.answer !== "allow" &&
      !hasSaid(pass, entry, given.answer)
    ) {
      pass.answers.push(passAnswer(entry, given.answer, "rule"));
    }
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
