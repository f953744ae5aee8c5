import type { StateStore } from "@agentplane/core";
import { Client } from "pg";

import { postgresState, type PostgresStateOptions } from "../../src/postgres-state.ts";

/** What the storm of core's tests opens in each of its processes. */
export function openState(options: PostgresStateOptions): StateStore {
  return postgresState(options);
}

/** What it does in the end. */
export async function dropState({
  connectionString,
  schema,
}: {
  readonly connectionString: string;
  readonly schema: string;
}): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  await client.end();
}
