import type { PolicyContext } from "../context/context.ts";
import type { StreamDuties } from "../decision/decision-point.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import { NEEDS_NO_TEXT, type CompiledRule } from "../rules/rule.ts";
import type { EngineSettings } from "./engine-parts.ts";
import { isLive, type Plan } from "./plan.ts";

/**
 * How a stream of model output must be handled by what matches after the call: buffered whole where a rule must see
 * all of it, else held back by the longest thing a rule may still find.
 * @param plan The plan of `after_model_call`.
 * @param onWhole With `exposePrefix` a rule that judges the whole is asked when most of it has left; what is redacted
 *   is held back all the same.
 */
export function streamDutiesOf(
  plan: Plan,
  context: PolicyContext,
  onWhole: EngineSettings["onWhole"] = "buffer",
): StreamDuties {
  const redact: RedactObligation[] = [];
  const exposedTo: string[] = [];
  let holdBack: StreamDuties["holdBack"] = 0;
  for (const { policy, ruleId, rule, obligations } of plan.entries.filter((entry) =>
    isLive(entry, context),
  )) {
    for (const obligation of obligations) {
      if (obligation.kind === "redact" && obligation.from.includes("response")) redact.push(obligation);
    }
    let span = spanOf(rule);
    if (span === "whole" && onWhole === "exposePrefix" && rule.check !== undefined) {
      exposedTo.push(`${policy.id}/${ruleId}`);
      span = rule.span === undefined || rule.span === "whole" ? NEEDS_NO_TEXT : rule.span;
    }
    if (span === "whole") holdBack = "whole";
    else if (holdBack !== "whole") holdBack = Math.max(holdBack, span.incremental);
  }
  return { holdBack, redact, exposedTo: holdBack === "whole" ? [] : exposedTo };
}

/**
 * A rule that judges the text speaks once, at its end: whatever left before could not be withheld any more. Only
 * redaction works on a moving window.
 */
function spanOf({ span, check }: CompiledRule): NonNullable<CompiledRule["span"]> {
  if (check === undefined) return span ?? NEEDS_NO_TEXT;
  return span !== undefined && span !== "whole" && span.incremental === 0 ? span : "whole";
}
