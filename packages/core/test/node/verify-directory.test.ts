import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { readStoredLine, type ChainPosition } from "../../src/audit/chain.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A trail of nine records over several segments. */
async function trail(): Promise<{ directory: string; end: ChainPosition; file(number: number): string }> {
  const directory = path.join(temporaryDirectory(), "audit");
  const sink = jsonlSink({ directory, maxSegmentBytes: 650, fsync: false });
  for (let index = 0; index < 9; index++) {
    // Each its own group, so that each may begin a segment.
    // oxlint-disable-next-line no-await-in-loop
    await sink.append(controlRecord(`s${index}`), "durable");
  }
  await sink.close();
  return { directory, end: sink.end, file: (number) => path.join(directory, `audit-00000${number}.jsonl`) };
}

test("accepts an untouched directory, with and without a known end", async () => {
  const { directory, end } = await trail();
  const report = { ok: true, segments: 5, lines: 9, unsealedTail: 9, end };
  expect(await verifyDirectory(directory)).toStrictEqual(report);
  expect(await verifyDirectory(directory, { end })).toStrictEqual(report);
});

test("names the segment and line of an edit", async () => {
  const { directory, file } = await trail();
  writeFileSync(file(2), readFileSync(file(2), "utf8").replace(/"s3"/, '"x3"'));
  expect(await verifyDirectory(directory)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000002.jsonl", line: 2, problem: "edited" },
  });
});

test("finds a segment that is gone, and one that was cut at its end", async () => {
  const { directory, file } = await trail();
  const whole = readFileSync(file(2), "utf8");
  rmSync(file(2));
  const place = { segment: "audit-000003.jsonl", line: 1, problem: "removed" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(place);
  writeFileSync(file(2), `${whole.split("\n")[0]}\n`);
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(place);
});

test("finds two segments that changed places", async () => {
  const { directory, file } = await trail();
  renameSync(file(2), `${file(2)}.aside`);
  renameSync(file(3), file(2));
  renameSync(`${file(2)}.aside`, file(3));
  expect((await verifyDirectory(directory)).firstBad).toMatchObject({
    segment: "audit-000002.jsonl",
    line: 1,
  });
});

test("finds a last line without its line break, and an end that is missing where it is known", async () => {
  const { directory, end, file } = await trail();
  truncateSync(file(5), readFileSync(file(5)).length - 1);
  const truncated = { segment: "audit-000005.jsonl", line: 1, problem: "truncated" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(truncated);
  rmSync(file(5));
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 8 });
  expect((await verifyDirectory(directory, { end })).firstBad).toMatchObject({
    line: 3,
    problem: "truncated",
  });
});

test("checks what is left after older segments were moved away, from where it starts", async () => {
  const { directory, end, file } = await trail();
  rmSync(file(1));
  expect((await verifyDirectory(directory)).firstBad).toMatchObject({ problem: "removed" });
  const first = readStoredLine(readFileSync(file(2), "utf8").split("\n")[0] ?? "");
  const start = { seq: first?.seq ?? 0, prev: first?.prev ?? "" };
  expect(await verifyDirectory(directory, { start, end })).toMatchObject({ ok: true, lines: 7 });
});

test("an empty directory is a trail of no lines", async () => {
  const directory = temporaryDirectory();
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, segments: 0, lines: 0 });
  const end = { seq: 2, prev: "f".repeat(64) };
  expect((await verifyDirectory(directory, { end })).firstBad).toMatchObject({
    line: 1,
    problem: "truncated",
  });
});
