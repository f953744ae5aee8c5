import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { Client } from "pg";

/** Where the tests find a server. */
export const DATABASE_URL: string = process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/test";

/** What tests can run on. */
export interface FoundServers {
  /** The one at `DATABASE_URL` answers. */
  readonly isShared: boolean;
  /** Servers of a test's own can be started. */
  readonly canStart: boolean;
}

/** Every process of a run inherits what the first has found, so that it is told once. */
const FOUND = "AGENTPLANE_TEST_POSTGRES";
const DEBIAN = "/usr/lib/postgresql";
const ADVICE =
  "after `docker compose up -d` set DATABASE_URL=postgres://agentplane:agentplane@127.0.0.1:5432/agentplane";

/** Looks for servers, once per run; what is missing is one loud line. */
export async function findServers(): Promise<FoundServers> {
  const known = process.env[FOUND]?.split(" ");
  if (known !== undefined) return { isShared: known.includes("shared"), canStart: known.includes("own") };
  const found = { isShared: await answers(), canStart: binaries() !== undefined };
  const missing = missingOf(found);
  // Another may have looked at the same time.
  const isTold = process.env[FOUND] !== undefined;
  process.env[FOUND] = `${found.isShared ? "shared" : ""} ${found.canStart ? "own" : ""}`;
  if (missing !== "" && !isTold && process.env["CI"] === undefined) console.warn(`SKIPPED: ${missing}`);
  return found;
}

/** Names what is missing; empty where nothing is. */
export function missingOf({ isShared, canStart }: FoundServers): string {
  const missing: string[] = [];
  if (!isShared) missing.push(`no PostgreSQL answers at ${new URL(DATABASE_URL).host}: ${ADVICE}`);
  if (!canStart) missing.push("no initdb and postgres here: install the PostgreSQL server");
  return missing.join("; ");
}

/** Where initdb and postgres are: of a Debian package, else on the path. */
export function binaries(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(DEBIAN, version, "bin"))
    .find((path) => existsSync(join(path, "initdb")));
  if (found !== undefined) return found;
  return (process.env["PATH"] ?? "").split(":").find((path) => existsSync(join(path, "initdb")));
}

async function answers(): Promise<boolean> {
  const client = new Client({ connectionString: DATABASE_URL, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
