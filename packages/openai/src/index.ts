export { govern, type GovernOptions } from "./govern.ts";
export { guardFetch } from "./guard-fetch.ts";
export type { GuardFetchOptions } from "./guard-options.ts";
export { guardFunctions, type GuardFunctionsOptions, type RunnableTool } from "./guard-functions.ts";
export type { GovernedIdentity } from "./call/identity.ts";
export type { Fetch } from "./http/native-request.ts";
export type { GovernedPlane } from "./call/plane.ts";
export { isPolicyError } from "./call/refusal.ts";
