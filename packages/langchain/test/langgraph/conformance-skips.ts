import type { ConformanceOptions } from "@agentplane/core/testing";

/** The adapter, as `docs/adapters.md` calls it. */
export const NAME = "LangGraph guardModel and GuardedToolNode";

/** What they do not do, each with the reason; the suite fails when one of these is met after all. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {};
