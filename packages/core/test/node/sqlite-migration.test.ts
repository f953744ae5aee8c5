import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, onTestFinished, test } from "vitest";

import { installSchema, MIGRATIONS } from "../../src/node/sqlite-schema.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const BUDGET = { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } } as const;
/** What a later release might change: a table in another shape, with what was in it. */
const NEXT = `
  ALTER TABLE document ADD COLUMN tenant TEXT;
  UPDATE document SET tenant = 'of ' || collection;
  CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;
  INSERT INTO later VALUES (1);`;

/** A file as a release of that version left it. */
function fileOf(version: number): string {
  const file = path.join(temporaryDirectory(), "state.db");
  const database = new DatabaseSync(file);
  database.exec(readFileSync(path.join(import.meta.dirname, `state-files/version-${version}.sql`), "utf8"));
  database.close();
  return file;
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  onTestFinished(() => database.close());
  return database;
}

function contentOf(database: DatabaseSync): unknown {
  const tables = ["limit_account", "hold", "change", "clock"].map((table) =>
    database.prepare(`SELECT * FROM ${table}`).all(),
  );
  return [...tables, database.prepare("SELECT collection, key, value, expires_ms FROM document").all()];
}

test("a step that was published is never changed: another is added, and a file of it here", () => {
  const digests = MIGRATIONS.map((step) => createHash("sha256").update(step).digest("hex").slice(0, 16));
  expect(digests).toStrictEqual(["2768865d34754958"]);
});

test.for(MIGRATIONS.map((_, index) => index + 1))(
  "a file of version %i is opened, and everything in it is in force",
  async (version) => {
    const file = fileOf(version);
    const plane = createAgentPlane({ state: sqliteState({ path: file }) });
    const decide = (agent: string, tenant: string) =>
      plane.engine.decide({
        hookpoint: "before_tool_call",
        agent,
        tenant,
        tool: { name: "pay", input: {} },
      });
    expect(decide("bot", "acmé")).toMatchObject({ effect: "block", cause: "unplugged" });
    expect(decide("other", "else")).toMatchObject({ effect: "block", modes: ["READ_ONLY"] });
    expect(decide("bot", "else")).toMatchObject({ effect: "allow" });
    expect(plane.versions.history("pace")).toMatchObject([{ version: 1, author: "ada" }]);
    await plane.close();
    const state = sqliteState({ path: file });
    expect(state.ledger.read(BUDGET)).toStrictEqual({ used: 25, held: 30, limit: 107 });
    state.ledger.settle("held \u0000 ü", [12]);
    expect(state.ledger.read(BUDGET)).toStrictEqual({ used: 37, held: 0, limit: 107 });
    expect(state.approvals.read("4:some\u0000thing")).toStrictEqual({
      status: "pending",
      text: "it's \n 'quoted' ü",
    });
    state.close();
  },
);

test("a step more keeps everything, and is taken once, also by processes that open the file together", () => {
  const file = fileOf(1);
  const [first, second] = [open(file), open(file)];
  const before = contentOf(first);
  const steps = [...MIGRATIONS, NEXT];
  installSchema(first, file, steps);
  installSchema(second, file, steps);
  expect(contentOf(second)).toStrictEqual(before);
  expect(second.prepare("SELECT DISTINCT tenant FROM document ORDER BY 1").all()).toMatchObject([
    { tenant: "of approvals" },
    { tenant: "of controls" },
    { tenant: "of versions" },
  ]);
  expect(second.prepare("SELECT count(*) AS n FROM later").get()).toMatchObject({ n: 1 });
  expect(second.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 2 });
});

test("a step that fails leaves the file as it was, for the release that wrote it", () => {
  const file = fileOf(1);
  const database = open(file);
  const before = contentOf(database);
  expect(() =>
    installSchema(database, file, [...MIGRATIONS, NEXT, "INSERT INTO missing VALUES (1)"]),
  ).toThrow(/missing/);
  expect(contentOf(database)).toStrictEqual(before);
  expect(database.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 1 });
  expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'later'").all()).toStrictEqual([]);
  const state = sqliteState({ path: file });
  expect(state.ledger.read(BUDGET)).toMatchObject({ used: 25 });
  state.close();
});

test("once it has had a step more, this release refuses it and changes nothing", () => {
  const file = fileOf(1);
  const database = open(file);
  installSchema(database, file, [...MIGRATIONS, NEXT]);
  const before = contentOf(database);
  expect(() => sqliteState({ path: file })).toThrow(
    expect.objectContaining({ code: "state_failed", data: { reason: "newer", path: file } }),
  );
  expect(contentOf(database)).toStrictEqual(before);
});
