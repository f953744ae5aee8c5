export type { ApprovalAnswer, ApprovalRequest } from "./approval/approval-interrupt.ts";
export type { GovernedIdentity } from "./call/identity.ts";
export type { ApprovalRequests } from "./langgraph/approval-batch.ts";
export { guardModel, type GuardModelOptions } from "./langgraph/guard-model.ts";
export { guardTool } from "./langgraph/guard-tool.ts";
export { GuardedToolNode } from "./langgraph/guarded-tool-node.ts";
export type { GovernedPlane } from "./call/plane.ts";
export { usageMeter } from "./langgraph/usage-meter.ts";
