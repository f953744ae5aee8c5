import type { ConformanceOptions } from "@agentplane/core/testing";

/** The adapter, as `docs/adapters.md` calls it. */
export const NAME = "LangChain createAgent";

/** What `govern` does not do, each with the reason; the suite fails when one of these is met after all. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {
  "redact.observed":
    "callbacks and tracers get what a tool or model gave before any middleware sees it; only a guarded tool or model could change that",
  "budget.clamp":
    "LangChain has no call option for the limit of output that every model understands; what a call uses beyond its estimate is charged as debt",
  "budget.aborted":
    "of an aborted model call a middleware sees neither tokens nor usage, so it is taken for one that failed; only a guarded model could count them",
};
