import type { AgentPlane } from "@agentplane/core";

/** What of a plane this adapter needs; `createAgentPlane` returns it. */
export interface GovernedPlane {
  readonly guard: AgentPlane["guard"];
  readonly approvals: Pick<AgentPlane["approvals"], "get" | "approve" | "deny">;
}
