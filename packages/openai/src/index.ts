export { govern, type GovernOptions } from "./govern.ts";
export { guardFetch } from "./guard-fetch.ts";
export type { GuardFetchOptions } from "./guard-options.ts";
export { guardFunctions, type GuardFunctionsOptions, type RunnableTool } from "./guard-functions.ts";
export type { GovernedIdentity } from "./identity.ts";
export type { Fetch } from "./native-request.ts";
export type { GovernedPlane } from "./plane.ts";
export { isPolicyError } from "./refusal.ts";
