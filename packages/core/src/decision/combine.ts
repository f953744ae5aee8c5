import { assertNever } from "../base/assert-never.ts";
import type { Answer } from "./answer.ts";
import type { Effect, Verdict } from "./decision.ts";

/** How the answers of several policies become one. */
export type CombineAlgorithm = "mostRestrictive" | "priority";

/** What combining needs of an answer: whose it is, what it says and what it does to the call. */
export interface Combinable {
  readonly policyId: string;
  readonly answer: Answer["answer"];
  readonly effect: Effect;
  /** A hard limit: it applies whichever policy decides. */
  readonly isBinding: boolean;
}

const VERDICT_RANK: Readonly<Record<Verdict, number>> = { allow: 0, escalate: 1, degrade: 2, block: 3 };
const EFFECT_RANK: Readonly<Record<Effect, number>> = { allow: 0, ask: 1, block: 2 };

/** The stricter of two effects: allow < ask < block. */
export function joinEffects(a: Effect, b: Effect): Effect {
  return EFFECT_RANK[a] >= EFFECT_RANK[b] ? a : b;
}

/** The stricter of two verdicts: allow < escalate < degrade < block. */
export function joinVerdicts(a: Verdict, b: Verdict): Verdict {
  return VERDICT_RANK[a] >= VERDICT_RANK[b] ? a : b;
}

/**
 * Picks the answer that decides.
 * @param answers All answers other than skip, in candidate order: priority descending, id ascending, rule order.
 * @param algorithm `mostRestrictive`: all policies join, the order does not matter for the result. `priority`: only
 *   the first policy with an answer decides.
 * @returns The strictest answer by effect, then by verdict, then the earliest; undefined when all skipped.
 */
export function decidingAnswer<A extends Combinable>(
  answers: readonly A[],
  algorithm: CombineAlgorithm,
): A | undefined {
  let best: A | undefined;
  for (const candidate of votersOf(answers, algorithm)) {
    if (best === undefined || isStricter(candidate, best)) best = candidate;
  }
  return best;
}

/** The answers that take part in the decision under an algorithm. */
export function votersOf<A extends Combinable>(
  answers: readonly A[],
  algorithm: CombineAlgorithm,
): readonly A[] {
  switch (algorithm) {
    case "mostRestrictive":
      return answers;
    case "priority": {
      const first = answers[0];
      return first === undefined
        ? answers
        : answers.filter((answer) => answer.isBinding || answer.policyId === first.policyId);
    }
    default:
      return assertNever(algorithm, "combine algorithm");
  }
}

function isStricter(a: Combinable, b: Combinable): boolean {
  const byEffect = EFFECT_RANK[a.effect] - EFFECT_RANK[b.effect];
  return byEffect === 0 ? VERDICT_RANK[a.answer] > VERDICT_RANK[b.answer] : byEffect > 0;
}
