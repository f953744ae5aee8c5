export type { AgentsIdentity } from "./agents/agent-identity.ts";
export type { AgentsPlane } from "./agents/agents-plane.ts";
export { approvalIdOf } from "./agents/call-memory.ts";
export { govern, isGoverned } from "./agents/govern-agent.ts";
export { GovernedRunner } from "./agents/governed-runner.ts";
