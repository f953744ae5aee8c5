import type { ConformanceOptions } from "@agentplane/core/testing";

/** The adapter, as `docs/adapters.md` calls it. */
export const NAME = "Vercel AI SDK";

/** What `govern` does not do, each with the reason; the suite fails when one of these is met after all. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {};
