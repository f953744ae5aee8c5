import type { AgentPlane } from "@agentplane/core";

/** What of a plane the Agents SDK needs; `createAgentPlane` returns it. */
export interface AgentsPlane {
  readonly guard: AgentPlane["guard"];
  readonly approvals: Pick<AgentPlane["approvals"], "approve" | "get">;
  /** Says whether a human can be asked. */
  readonly hasResolver: AgentPlane["hasResolver"];
  /** Says whether a policy could concern tools that nobody named, or have a human asked about a call. */
  readonly engine: Pick<AgentPlane["engine"], "couldConcern" | "couldAsk">;
  /** Says whether a hook could have a say in what no hook will see. */
  readonly hooks: Pick<AgentPlane["hooks"], "couldRunAt">;
}
