import type { StateStore } from "@agentplane/core";
import { Client } from "pg";

import { postgresState, type PostgresStateOptions } from "../../src/postgres-state.ts";

/** What the storm of core's tests opens in each of its processes. */
export function openState(options: PostgresStateOptions): StateStore {
  return postgresState(options);
}

/** How it is reached. */
interface Address {
  readonly connectionString: string;
  readonly schema: string;
}

/** What it does in the end. */
export async function dropState({ connectionString, schema }: Address): Promise<void> {
  await queried(connectionString, `DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
}

/** Notes the most that was used and held at once, with every write of a limit. */
export async function watchPeak({ connectionString, schema }: Address): Promise<void> {
  await queried(
    connectionString,
    `CREATE TABLE IF NOT EXISTS "${schema}".storm_peak (name text PRIMARY KEY, peak bigint NOT NULL);
     CREATE OR REPLACE FUNCTION "${schema}".note_peak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO "${schema}".storm_peak AS p VALUES (new.name, new.used + new.held)
         ON CONFLICT (name) DO UPDATE SET peak = greatest(p.peak, excluded.peak);
       RETURN NULL;
     END $$;
     CREATE OR REPLACE TRIGGER storm_peak AFTER INSERT OR UPDATE ON "${schema}".limit_cell
       FOR EACH ROW EXECUTE FUNCTION "${schema}".note_peak()`,
  );
}

/** @param key Of the limit. */
export async function peakOf({ connectionString, schema }: Address, key: string): Promise<number> {
  const rows = await queried(connectionString, `SELECT peak FROM "${schema}".storm_peak WHERE name = $1`, [
    key,
  ]);
  return Number(rows[0]?.["peak"] ?? 0);
}

async function queried(
  connectionString: string,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text, values && [...values]);
  await client.end();
  return rows ?? [];
}
