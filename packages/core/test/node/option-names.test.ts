import path from "node:path";

import { expect, test } from "vitest";

import { jsonlSink, serviceSink, sqliteState, verifyDirectory } from "../../src/node/index.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const DIRECTORY = { directory: "never-made" };

test.for<[string, (more: object) => unknown, object, RegExp]>([
  [
    "jsonlSink",
    (more) => jsonlSink({ ...DIRECTORY, ...more }),
    { ky: "x" },
    /jsonlSink: .*\n.*ky: unknown option.*"key"/,
  ],
  [
    "its retention",
    (more) => jsonlSink({ ...DIRECTORY, ...more }),
    { retention: { maxMS: 5 } },
    /retention\.maxMS: unknown option.*"maxMs"/,
  ],
  [
    "serviceSink",
    (more) => serviceSink({ ...DIRECTORY, url: "https://x.example/", ...more }),
    { header: {} },
    /serviceSink: .*\n.*header: unknown option.*"headers"/,
  ],
  [
    "sqliteState",
    (more) => sqliteState({ path: "never-made.db", ...more }),
    { synchronus: "full" },
    /synchronus: unknown option/,
  ],
  [
    "verifyDirectory",
    (more) => verifyDirectory("never-made", more),
    { kys: [] },
    /verifyDirectory: .*\n.*kys: unknown option.*"keys"/,
  ],
])("%s refuses an option that does not exist, which would do nothing in silence", async (...given) => {
  const [[, create, options, message]] = given;
  await expect(async () => create(options)).rejects.toThrow(message);
});

test("an audit trail takes every option that there is", async () => {
  const directory = path.join(temporaryDirectory(), "audit");
  const sink = jsonlSink({
    directory,
    gzip: false,
    retention: { maxMs: 1_000, maxBytes: 1_000 },
    fsync: false,
  });
  await sink.close();
  expect(await verifyDirectory(directory, { ends: [], published: [] })).toMatchObject({ ok: true });
});
