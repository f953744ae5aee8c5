import { createHash } from "node:crypto";

import { AgentplaneError } from "@agentplane/core";
import type { ClientBase } from "pg";

import { migrations } from "./sql/migrations.ts";

/** Where followers of a schema's documents are woken: channels belong to the whole database. */
export function channelOf(schema: string): string {
  return `agentplane_${createHash("sha256").update(schema).digest("hex").slice(0, 16)}`;
}

/**
 * Brings a schema to the version of this package: once, also when many processes start at once, and all or nothing.
 * @param steps Default: those of this release.
 * @throws AgentplaneError `state_failed` for a schema of a newer version, and for one that holds something else
 */
export async function installSchema(
  client: ClientBase,
  schema: string,
  steps = migrations(channelOf(schema)),
): Promise<void> {
  if ((await versionOf(client, schema)) === steps.length) return;
  await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
  try {
    // Longer than any call may take: it happens once.
    await client.query("SET LOCAL statement_timeout = '30s'");
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
      `agentplane install ${schema}`,
    ]);
    const version = await versionOf(client, schema);
    refuseNewer(schema, version, steps.length);
    if (version === 0) await claim(client, schema);
    await client.query(`SET LOCAL search_path = "${schema}", pg_temp`);
    for (const [index, step] of steps.entries()) {
      if (index < version) continue;
      // One after the other: a later step builds on the earlier.
      // oxlint-disable-next-line no-await-in-loop
      await client.query(step);
    }
    await client.query("INSERT INTO agentplane_schema (version) SELECT generate_series($1::int, $2::int)", [
      version + 1,
      steps.length,
    ]);
    await client.query("COMMIT");
  } catch (error) {
    // The error is what matters; a connection on which this fails too is thrown away.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function versionOf(client: ClientBase, schema: string): Promise<number> {
  // Not to_regclass: it answers from a cache in which another process's schema, made a moment ago, may be missing.
  const { rows: found } = await client.query<{ is_there: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = 'agentplane_schema') AS is_there`,
    [schema],
  );
  if (found[0]?.is_there !== true) return 0;
  const { rows } = await client.query<{ version: number | null }>(
    `SELECT max(version)::int AS version FROM "${schema}".agentplane_schema`,
  );
  return rows[0]?.version ?? 0;
}

function refuseNewer(schema: string, version: number, known: number): void {
  if (version <= known) return;
  const message =
    `the schema "${schema}" has version ${version}, this package knows ${known}; ` +
    "use the newer package of @agentplane/postgres that made it";
  throw new AgentplaneError("state_failed", message, { data: { schema, version, known } });
}

/** Makes the schema, or takes one that is empty: what holds tables of somebody else is left alone. */
async function claim(client: ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query<{ holds: string | null }>(
    `SELECT (SELECT min(c.relname::text) FROM pg_class c WHERE c.relnamespace = n.oid) AS holds
       FROM pg_namespace n WHERE n.nspname = $1`,
    [schema],
  );
  const holds = rows[0]?.holds ?? undefined;
  if (holds !== undefined) {
    const message =
      `the schema "${schema}" holds something else (such as "${holds}") and is left alone; ` +
      "choose another name with the option schema";
    throw new AgentplaneError("state_failed", message, { data: { schema } });
  }
  if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`);
  await client.query(
    `CREATE TABLE "${schema}".agentplane_schema (version int PRIMARY KEY, installed_at timestamptz NOT NULL DEFAULT now())`,
  );
}
