export { type ApprovalAnswer, type ApprovalRequest } from "./approval-interrupt.ts";
export { govern, type GovernableParams, type GovernedParams, type GovernOptions } from "./govern.ts";
export type { GovernedIdentity } from "./identity.ts";
export type { NestedCalls } from "./nested-calls.ts";
export type { GovernedPlane } from "./plane.ts";
