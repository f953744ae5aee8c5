import type { PolicyContext } from "../../src/context/context.ts";
import type { Decision } from "../../src/decision/decision.ts";
import type { Observation } from "../../src/rules/rule.ts";
import { toolCall } from "./compile-rule.ts";

/** A decision as non-blocking rules see it; an allow unless it says otherwise. */
export function decisionOf(rest: Partial<Decision> = {}): Decision {
  return {
    id: "d1",
    hookpoint: "before_tool_call",
    intent: "admit",
    verdict: "allow",
    effect: "allow",
    cause: "rule",
    policyId: "p",
    policyVersion: "sha256:1",
    ruleId: "r",
    reason: "because",
    message: "because",
    obligations: [],
    findings: [],
    shadow: [],
    modes: [],
    revision: 1,
    durationMs: 2,
    ...rest,
  };
}

/** What a non-blocking rule is shown. */
export function observationOf(
  decision: Partial<Decision> = {},
  rest: Partial<Observation> = {},
  context: PolicyContext = toolCall("search", { q: "secret text" }),
): Observation {
  return { context, decision: decisionOf(decision), phase: "decision", ...rest };
}
