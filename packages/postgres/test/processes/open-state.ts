import type { StateStore } from "@agentplane/core";

import { postgresState, type PostgresStateOptions } from "../../src/postgres-state.ts";

/** What the storm of core's tests opens in each of its processes. */
export function openState(options: PostgresStateOptions): StateStore {
  return postgresState(options);
}
