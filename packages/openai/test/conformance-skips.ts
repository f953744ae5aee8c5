import type { ConformanceOptions } from "@agentplane/core/testing";

/** The adapter, as `docs/adapters.md` calls it. */
export const NAME = "openai client";

/** What governing a client does not do, each with the reason. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {};
