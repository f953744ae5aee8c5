import { AgentplaneError } from "../base/errors.ts";
import type { SessionEntry, SessionView } from "./session-view.ts";

/**
 * The entries of the session's history.
 * @throws AgentplaneError `rule_failed` when there is none: a rule about the past must not take it for an empty one.
 */
export function requireHistory(
  session: SessionView | undefined,
  { policyId, ruleId }: { readonly policyId: string; readonly ruleId: string },
): readonly SessionEntry[] {
  if (session !== undefined) return session.entries;
  throw new AgentplaneError(
    "rule_failed",
    `rule "${ruleId}" needs the session's history, and there is none`,
    {
      data: { policyId, ruleId },
    },
  );
}
