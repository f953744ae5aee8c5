import { appendFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { jsonlSink, type JsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { startWriter } from "./start-writer.ts";
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

test("two processes write one directory; what they left when they were killed is repaired and sealed by the next", async () => {
  const directory = temporaryDirectory();
  const writers = await Promise.all([startWriter(directory, "a"), startWriter(directory, "b")]);
  const acknowledged = (await Promise.all(writers.map(async (writer) => writer.kill()))).flat();
  expect(acknowledged.length).toBeGreaterThan(180);
  appendFileSync(path.join(directory, "audit.2-000001.jsonl"), '{"hash":"torn');
  expect(await verifyDirectory(directory)).toMatchObject({ ok: false, firstBad: { problem: "truncated" } });

  const next = jsonlSink({ directory });
  await write(next, "after the crash");
  await next.close();
  const report = await verifyDirectory(directory, { ends: [next.end] });
  expect(report).toMatchObject({ ok: true, unsealedTail: 0, ends: [{ writer: 1 }, { writer: 2 }] });
  const segments = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  const text = segments.map((name) => readFileSync(path.join(directory, name), "utf8")).join("");
  expect(acknowledged.filter((subject) => !text.includes(`"subject":"${subject}"`))).toStrictEqual([]);
  // The tear of the second is reported by the first, which goes on.
  const repaired = text.split("\n").filter((line) => line.includes('"action":"audit_repaired"'));
  expect(repaired.some((line) => line.includes("audit.2-000001.jsonl"))).toBe(true);
  expect(readFileSync(path.join(directory, "audit.2-000001.jsonl.torn-1"), "utf8")).toContain("torn");
  expect(readdirSync(directory).filter((name) => name.endsWith(".lock"))).toStrictEqual([]);
});

test("a start that is closed at once has recorded the repair of every writer", async () => {
  const directory = temporaryDirectory();
  const sinks = Array.from({ length: 12 }, () => jsonlSink({ directory }));
  await Promise.all(sinks.map(async (sink, index) => write(sink, `s${index}`)));
  await Promise.all(sinks.map(async (sink) => sink.close()));
  // As crashed writers leave it: a torn line, and no checkpoint.
  const others = Array.from({ length: 11 }, (_, index) => `audit.${index + 2}-000001`);
  for (const name of others) {
    appendFileSync(path.join(directory, `${name}.jsonl`), "{torn");
    rmSync(path.join(directory, `${name}.checkpoint`));
  }
  await jsonlSink({ directory }).close();
  const text = readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8");
  for (const action of ["audit_repaired", "audit_resumed"]) {
    const told = text.split("\n").filter((line) => line.includes(`"action":"${action}"`));
    expect(others.filter((name) => !told.join("").includes(`"subject":"${name}.jsonl"`))).toStrictEqual([]);
  }
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 34, sealed: 34 });
});
