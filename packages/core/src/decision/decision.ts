import type { Hookpoint } from "../context/hookpoint.ts";
import type { Mode } from "../policy/mode.ts";
import type { Answer } from "./answer.ts";
import type { Obligation } from "./obligation.ts";

/** The strictest answer of all rules, in ascending strictness. */
export type Verdict = "allow" | "escalate" | "degrade" | "block";

/** What happens to this call; only the effect is enforced. */
export type Effect = "allow" | "ask" | "block";

/** Why the question is put: to preview, before a framework executes, or at the moment of execution. */
export type Intent = "peek" | "ask" | "admit";

/** Every cause of a decision: stable words for programs, dashboards and metrics. */
export const DECISION_CAUSES = [
  "rule",
  "limit",
  "default",
  "no_policy",
  "mode",
  "unplugged",
  "hookpoint_unknown",
  "subject_missing",
  "ladder",
  "approval",
  "identity_missing",
  "identity_conflict",
  "lineage_missing",
  "content_refused",
  "opaque_content",
  "rewrite_conflict",
  "already_executed",
  "in_flight",
  "unknown_outcome",
  "hook",
  "state_error",
  "audit_error",
  "engine_error",
] as const;
export type DecisionCause = (typeof DECISION_CAUSES)[number];

/** One rule's answer as part of an explanation. */
export interface Finding {
  readonly policyId: string;
  readonly policyVersion: string;
  readonly ruleId: string;
  readonly kind: string;
  readonly answer: Answer["answer"];
  readonly reason: string;
  readonly failure?: Answer["failure"] | undefined;
}

/** The combined answer for one call: JSON-safe, without any raw content. */
export interface Decision {
  readonly id: string;
  readonly hookpoint: Hookpoint;
  readonly intent: Intent;
  readonly verdict: Verdict;
  readonly effect: Effect;
  readonly cause: DecisionCause;
  /** The rule that decided; absent when nothing matched or the cause is not a rule. */
  readonly policyId?: string | undefined;
  /** Content hash (or published version) of the deciding policy. */
  readonly policyVersion?: string | undefined;
  readonly ruleId?: string | undefined;
  /** For people. */
  readonly reason: string;
  /** For the model: written so that it can correct itself. */
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly approvalId?: string | undefined;
  readonly obligations: readonly Obligation[];
  /** Every answer of enforcing rules other than skip, strictest and deciding first. */
  readonly findings: readonly Finding[];
  /** What shadow policies would have answered. */
  readonly shadow: readonly Finding[];
  /** Modes in force for this call. */
  readonly modes: readonly Mode[];
  /** The engine revision (policies, plugs, modes) that decided. */
  readonly revision: number;
  /**
   * True where a peek could not tell (needs an input, a session or a limit), which is treated as visible; and where the
   * state store failed and \`onStateError: allow\` passed over it: limits, histories or repeats were not looked at.
   */
  readonly isUnknown?: boolean;
  /** True where a soft limit was exceeded and the call still goes on. */
  readonly isOverrun?: boolean;
  readonly durationMs: number;
}
