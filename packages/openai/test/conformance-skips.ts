import type { ConformanceOptions } from "@agentplane/core/testing";

/** The adapter, as `docs/adapters.md` calls it. */
export const NAME = "openai client";

/** What governing a client does not do, each with the reason. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {
  "kill.signal":
    "runTools hands no signal to a function; one that runs on is left behind and its result discarded (kill.parallel)",
  "isolation.approval":
    "a function that waits goes on at the moment it is approved: there is no resume of its own that could be left out (functions.test.ts shows that the other tenant's does not)",
};
