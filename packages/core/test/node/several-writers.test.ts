import { rmSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { jsonlSink, type JsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

async function write(sink: JsonlSink, ...subjects: readonly string[]): Promise<void> {
  await Promise.all(subjects.map(async (subject) => sink.append(controlRecord(subject), "durable")));
}

test("each writer of a directory has a chain of its own, and goes on with it after a restart", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [jsonlSink({ directory }), jsonlSink({ directory })];
  await Promise.all([write(first, "a", "b"), write(second, "c")]);
  expect([first.end, second.end]).toMatchObject([
    { writer: 1, seq: 2 },
    { writer: 2, seq: 1 },
  ]);
  await second.close();
  await first.close();
  const again = jsonlSink({ directory });
  await write(again, "d");
  await again.close();
  expect(again.end).toMatchObject({ writer: 1, seq: 3 });
  const report = await verifyDirectory(directory, { ends: [again.end, second.end] });
  expect(report).toMatchObject({ ok: true, lines: 4, sealed: 4, ends: [{ writer: 1 }, { writer: 2 }] });
});

test("a writer whose trail is gone is missed by the checkpoint of another", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [jsonlSink({ directory }), jsonlSink({ directory })];
  await write(second, "c");
  await second.close();
  await write(first, "a");
  await first.close();
  rmSync(path.join(directory, "audit.2-000001.jsonl"));
  rmSync(path.join(directory, "audit.2-000001.checkpoint"));
  expect(await verifyDirectory(directory)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit.2-000001.jsonl", problem: "truncated" },
  });
});
