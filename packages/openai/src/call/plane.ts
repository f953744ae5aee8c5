import type { AgentPlane } from "@agentplane/core";

/** What of a plane this adapter needs; `createAgentPlane` returns it. */
export interface GovernedPlane {
  readonly guard: AgentPlane["guard"];
  readonly approvals: Pick<AgentPlane["approvals"], "wait">;
  readonly hasResolver: AgentPlane["hasResolver"];
  /** Says whether a policy could concern tools that nobody named. */
  readonly engine: Pick<AgentPlane["engine"], "couldConcern">;
  /** Says whether a hook could have a say in what no hook will see. */
  readonly hooks: Pick<AgentPlane["hooks"], "couldRunAt">;
}
