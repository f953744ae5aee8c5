export { type ApprovalAnswer, type ApprovalRequest } from "./approval/approval-interrupt.ts";
export { govern, type GovernableParams, type GovernedParams, type GovernOptions } from "./govern.ts";
export type { GovernedIdentity } from "./call/identity.ts";
export type { NestedCalls } from "./nested/nested-calls.ts";
export type { GovernedPlane } from "./call/plane.ts";
