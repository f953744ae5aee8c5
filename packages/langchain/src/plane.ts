import type { AgentPlane } from "@agentplane/core";

/** What of a plane this adapter needs; `createAgentPlane` returns it. */
export type GovernedPlane = Pick<AgentPlane, "guard" | "approvals">;
