import type { DatabaseSync } from "node:sqlite";

import { unusableFile } from "./sqlite-failure.ts";

/** "AgPl" in ASCII: tells a state file from any other SQLite file. */
const APPLICATION_ID = 0x41_67_50_6c;

/**
 * Every change of the schema, in order; a file's `user_version` says how many it has had. Published entries never
 * change: a new one is appended.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    anchor_ms REAL NOT NULL,
    suspended_ms REAL NOT NULL,
    latest_ms REAL NOT NULL
  ) STRICT;

  CREATE TABLE limit_account (
    key TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    due_ms REAL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX limit_account_due ON limit_account (due_ms) WHERE due_ms IS NOT NULL;

  CREATE TABLE hold (
    id TEXT NOT NULL PRIMARY KEY,
    items TEXT NOT NULL,
    answer TEXT NOT NULL,
    due_ms REAL NOT NULL,
    expired_at_ms REAL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX hold_due ON hold (due_ms);

  CREATE TABLE document (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_ms REAL,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX document_expiry ON document (expires_ms) WHERE expires_ms IS NOT NULL;

  CREATE TABLE change (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    key TEXT NOT NULL
  ) STRICT;
  `,
];

/**
 * Makes a new file a state file, brings an older one up to date in one transaction, and refuses every other.
 * @param path For messages.
 * @param migrations Default: those of this release.
 * @throws AgentplaneError `state_failed` with `data.reason` `foreign`, `newer` or `corrupt`; the file stays as it is
 */
export function installSchema(database: DatabaseSync, path: string, migrations = MIGRATIONS): void {
  const known = migrations.length;
  const version = inTransaction(database, "BEGIN", () => versionOf(database, path, known));
  if (version < known) inTransaction(database, "BEGIN IMMEDIATE", () => migrate(database, path, migrations));
  const [found] = database.prepare("PRAGMA quick_check(1)").all();
  if (found?.["quick_check"] === "ok") return;
  throw unusableFile(path, "corrupt", "it is damaged; restore a copy of it, or move it away to start anew");
}

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  // Read again: another process may have done it while this one waited.
  const version = versionOf(database, path, migrations.length);
  for (const migration of migrations.slice(version)) database.exec(migration);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`);
}

/** Several reads of one state of the file: another process may be making it at this very moment. */
function inTransaction<T>(database: DatabaseSync, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** @param known How many migrations there are here. */
function versionOf(database: DatabaseSync, path: string, known: number): number {
  const applicationId = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  if (applicationId !== APPLICATION_ID) {
    const count = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.["count"];
    if (applicationId === 0 && version === 0 && count === 0) return 0;
    throw unusableFile(
      path,
      "foreign",
      "it is a database of something else; give the state a path of its own",
    );
  }
  if (version > known)
    throw unusableFile(
      path,
      "newer",
      `a newer release of @agentplane/core wrote it (version ${version}, known here is ${known}); update this one`,
    );
  return version;
}

function pragma(database: DatabaseSync, name: "application_id" | "user_version"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
