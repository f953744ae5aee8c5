import { appendFileSync, linkSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { controlsOf, fileOf, KEYS, newDirectory, SIGNED, write } from "./attacked-trail.ts";

// What else happens to the file that is being written: a tool that rotates logs, a cleaner, a second name of it.

test.each([
  [
    "moved away",
    (file: string) => renameSync(file, `${file}.1`),
    (file: string) => renameSync(`${file}.1`, file),
  ],
  [
    "moved away, with an empty one in its place",
    (file: string) => {
      renameSync(file, `${file}.1`);
      writeFileSync(file, "");
    },
    (file: string) => renameSync(`${file}.1`, file),
  ],
])("a segment that was %s while it is written takes no record until it is back", async (_, attack, undo) => {
  const directory = newDirectory();
  const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
  await write(sink, "a");
  attack(fileOf(directory, 1));
  await expect(sink.append(controlRecord("b"), "durable")).rejects.toMatchObject({
    code: "audit_failed",
    message: expect.stringContaining("audit-000001.jsonl"),
  });
  await expect(sink.checkpoint()).rejects.toMatchObject({ code: "audit_failed" });
  undo(fileOf(directory, 1));
  await write(sink, "c");
  await sink.close();
  expect(await verifyDirectory(directory, KEYS)).toMatchObject({ ok: true, unsealedTail: 0 });
  expect(controlsOf(directory, "audit_gap")).toMatchObject([{ data: { records: 1 } }]);
});

test("a segment that was cut while it is written takes no record and is not sealed", async () => {
  const directory = newDirectory();
  const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
  await write(sink, "a", "b");
  truncateSync(fileOf(directory, 1), 0);
  await expect(sink.append(controlRecord("c"), "durable")).rejects.toMatchObject({ code: "audit_failed" });
  await expect(sink.close()).rejects.toMatchObject({ code: "audit_failed" });
  expect(readFileSync(fileOf(directory, 1), "utf8")).toBe("");
});

test("what somebody else writes under another name of a segment is neither cut off nor sealed", async () => {
  const directory = newDirectory();
  const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
  await write(sink, "a");
  const other = `${directory}-linked`;
  linkSync(fileOf(directory, 1), other);
  appendFileSync(other, "a line of somebody else\n");
  await expect(sink.append(controlRecord("b"), "durable")).rejects.toMatchObject({ code: "audit_failed" });
  await expect(sink.close()).rejects.toMatchObject({ code: "audit_failed" });
  expect(readFileSync(other, "utf8")).toMatch(/a line of somebody else\n$/);
});
