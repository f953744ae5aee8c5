import { isAfter } from "../context/hookpoint.ts";
import {
  decidingAnswer,
  joinEffects,
  joinVerdicts,
  votersOf,
  type CombineAlgorithm,
} from "../decision/combine.ts";
import type { Effect, Verdict } from "../decision/decision.ts";
import { byPrecedence, type PassAnswer } from "./compiled-policy.ts";
import type { Pass } from "./pass.ts";

/** Tells whether something already stops this call, so that nothing more is asked, reserved or held. */
export function isBlocked(pass: Pass, combine: CombineAlgorithm): boolean {
  if (pass.refusal !== undefined) return true;
  // Under `priority` the block of a policy that does not decide stops nothing: limits and approvals still apply.
  return hasVoter(pass, combine, "block");
}

/** Whether an answer that takes part has such an effect. */
export function hasVoter(pass: Pass, combine: CombineAlgorithm, wanted: Effect): boolean {
  const { answers } = pass;
  // Mostly none at all has it; then nobody needs to know which take part.
  for (let at = 0; at < answers.length; at++) {
    if (answers[at]!.effect === wanted) return isAmong(votersOfPass(pass, combine), wanted);
  }
  return false;
}

/** By itself: a closure over `wanted` would cost every question about every call, not only this one. */
function isAmong(voters: readonly PassAnswer[], wanted: Effect): boolean {
  return voters.some(({ effect }) => effect === wanted);
}

/** The answers that take part, in candidate order whatever the order in which they came. */
export function votersOfPass(pass: Pick<Pass, "answers">, combine: CombineAlgorithm): readonly PassAnswer[] {
  const ordered =
    pass.answers.length < 2
      ? pass.answers
      : pass.answers.toSorted((a, b) => byPrecedence(a.entry.policy, b.entry.policy));
  return votersOf(ordered, combine);
}

/** What the pass came to. */
export interface PassOutcome {
  readonly verdict: Verdict;
  readonly effect: Effect;
  readonly deciding: PassAnswer | undefined;
  readonly voters: readonly PassAnswer[];
}

/**
 * Joins everything that was said: a refusal blocks, pending asks ask, else the strictest answer decides.
 * @param combine How policies combine.
 */
export function outcomeOf(pass: Pass, combine: CombineAlgorithm): PassOutcome {
  const voters = votersOfPass(pass, combine);
  const deciding = decidingAnswer(voters, combine);
  if (pass.refusal !== undefined) {
    return {
      verdict: pass.refusal.cause === "mode" ? "degrade" : "block",
      effect: "block",
      deciding: undefined,
      voters,
    };
  }
  let verdict: Verdict = "allow";
  let effect: Effect = "allow";
  for (const voter of voters) {
    verdict = joinVerdicts(verdict, voter.answer);
    effect = joinEffects(effect, voter.effect);
  }
  if (pass.rare.asks.length > 0) {
    effect = joinEffects(effect, "ask");
    verdict = joinVerdicts(verdict, "escalate");
  }
  // A result cannot be asked about: it is shown or withheld.
  if (effect === "ask" && isAfter(pass.context.hookpoint)) effect = "block";
  return { verdict, effect, deciding, voters };
}
