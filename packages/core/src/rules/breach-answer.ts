import type { RuleAnswer } from "../decision/answer.ts";
import type { DegradeSpec } from "../policy/mode.ts";

/**
 * The answer of a rule that counts over the history itself and found its bound exceeded.
 * @param reason For people.
 * @param message For the model: what to do instead.
 */
export function breachAnswer(
  reason: string,
  message: string,
  {
    onBreach,
    degrade,
  }: { readonly onBreach: "block" | "escalate" | "degrade"; readonly degrade?: DegradeSpec },
): RuleAnswer {
  return { answer: { answer: onBreach, reason, message, ...(degrade !== undefined && { degrade }) } };
}
