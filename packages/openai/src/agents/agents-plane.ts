import type { AgentPlane } from "@agentplane/core";

/** What of a plane the Agents SDK needs; `createAgentPlane` returns it. */
export interface AgentsPlane {
  readonly guard: AgentPlane["guard"];
  readonly approvals: Pick<AgentPlane["approvals"], "approve" | "get">;
  /** Says whether a human can be asked. */
  readonly hasResolver: AgentPlane["hasResolver"];
  /** Says whether a rule must see a model's answer before any of it is shown, and what could concern unnamed tools. */
  readonly engine: Pick<AgentPlane["engine"], "couldConcern" | "streamDuties">;
  /** Says whether a hook could have a say in what no hook will see. */
  readonly hooks: Pick<AgentPlane["hooks"], "couldRunAt">;
}
