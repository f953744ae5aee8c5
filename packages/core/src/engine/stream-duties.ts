import type { PolicyContext } from "../context/context.ts";
import type { StreamDuties } from "../decision/decision-point.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import { isLive, type Plan } from "./plan.ts";

/**
 * How a stream of model output must be handled by what matches after the call: buffered whole where a rule must see
 * all of it, else held back by the longest thing a rule may still find.
 * @param plan The plan of `after_model_call`.
 */
export function streamDutiesOf(plan: Plan, context: PolicyContext): StreamDuties {
  const redact: RedactObligation[] = [];
  let holdBack: StreamDuties["holdBack"] = 0;
  for (const { rule, obligations } of plan.entries.filter((entry) => isLive(entry, context))) {
    for (const obligation of obligations) {
      if (obligation.kind === "redact" && obligation.from.includes("response")) redact.push(obligation);
    }
    // A rule that looks at the response without saying how much it needs must see all of it.
    const span = rule.span ?? (rule.check === undefined ? { incremental: 0 } : "whole");
    if (span === "whole") holdBack = "whole";
    else if (holdBack !== "whole") holdBack = Math.max(holdBack, span.incremental);
  }
  return { holdBack, redact };
}
