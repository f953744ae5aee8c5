import { assertNever } from "../base/assert-never.ts";
import { isDeeplyFrozen } from "../base/deeply-frozen.ts";
import type { Answer, RuleAnswer } from "../decision/answer.ts";
import type { Effect } from "../decision/decision.ts";
import type { CompiledEntry, PassAnswer } from "./compiled-policy.ts";
import type { Pass } from "./pass.ts";

/**
 * Wraps a rule's answer with the effect it has before any ladder. The last one of each built-in rule is kept: such a
 * rule gives one frozen answer again and again. Other code might change its answer afterwards, so that is never shared.
 * @param given What the rule returned, with an answer.
 */
export function ruleAnswer(
  entry: CompiledEntry,
  given: RuleAnswer & { readonly answer: Answer },
): PassAnswer {
  const { told } = entry;
  if (told !== undefined && told.given === given) return told;
  const wrapped = wrap(entry, given.answer, { cause: "rule", given });
  if (entry.isBuiltIn && isDeeplyFrozen(given)) {
    entry.told = wrapped;
    entry.toldAlone = Object.freeze([wrapped]);
  }
  return wrapped;
}

/** Wraps what the breach of a rule's limit means. */
export function limitAnswer(entry: CompiledEntry, said: Answer): PassAnswer {
  return wrap(entry, said, { cause: "limit", given: undefined });
}

function wrap(
  entry: CompiledEntry,
  said: Answer,
  { cause, given }: Pick<PassAnswer, "cause" | "given">,
): PassAnswer {
  return {
    entry,
    policyId: entry.policy.id,
    answer: said.answer,
    said,
    given,
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

/** Adds an answer to a pass; its lists are replaced and never changed. */
export function addAnswer(pass: Pass, answer: PassAnswer): void {
  pass.answers = pass.answers.length === 0 ? alone(answer) : [...pass.answers, answer];
}

function alone(answer: PassAnswer): readonly PassAnswer[] {
  const { told, toldAlone } = answer.entry;
  return told === answer && toldAlone !== undefined ? toldAlone : [answer];
}

/** Gives an answer of a pass another effect; answers are shared, so it is replaced. */
export function setEffect(pass: Pass, answer: PassAnswer, effect: Effect): void {
  if (answer.effect === effect) return;
  pass.answers = pass.answers.map((one) => (one === answer ? { ...one, effect } : one));
}
