import type { AgentPlane } from "@agentplane/core";

/** What of a plane this adapter needs; `createAgentPlane` returns it. */
export interface GovernedPlane {
  readonly guard: AgentPlane["guard"];
  readonly approvals: Pick<AgentPlane["approvals"], "get" | "approve" | "deny">;
  /** Says whether a rule must see a model's answer before any of it is streamed. */
  readonly engine: Pick<AgentPlane["engine"], "streamDuties">;
}
