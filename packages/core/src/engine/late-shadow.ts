import type { Decision } from "../decision/decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";

/**
 * Records what shadow rules answer after their decision: aside, so that they never delay a call.
 * @param decision The decision they would have had a part in.
 */
export function recordLateShadow(
  { rare: { lateShadow }, context }: Pass,
  decision: Decision,
  parts: EngineParts,
): void {
  for (const { entry, given } of lateShadow) {
    const recorded = given.then((answered) => {
      if (answered?.answer === undefined) return undefined;
      const { answer, reason } = answered.answer;
      parts.recordControl({
        action: "shadow_answer",
        by: `policy:${entry.policy.id}`,
        subject: context.agent.id,
        reason,
        data: { decisionId: decision.id, policyVersion: entry.policy.version, ruleId: entry.ruleId, answer },
      });
      return undefined;
    });
    parts.observers.track(recorded);
  }
}
