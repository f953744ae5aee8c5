import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { createChain, readStoredLine, storedLine } from "../../src/audit/chain.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { readCheckpointText } from "../../src/node/checkpoint.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { openNote } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { controlRecord, hash } from "../audit/records.ts";
import { fileOf, KEYS, SIGNED, trail, write } from "./attacked-trail.ts";
import { memoryFiles, type MemoryFiles } from "./memory-files.ts";

function open(files: MemoryFiles, options: Partial<JsonlSinkOptions> = {}) {
  const ports = createTestPorts();
  return { sink: jsonlSink({ directory: "audit", files, ports, ...options }), clock: ports.clock };
}

/** How many lines the checkpoint of a segment seals. */
function sealedIn(files: MemoryFiles, segment: number): number | undefined {
  const note = openNote(files.text(`audit-00000${segment}.checkpoint`), []);
  return note && readCheckpointText(note.text)?.size;
}

const linesIn = (files: MemoryFiles, segment: number): readonly string[] =>
  files.text(`audit-00000${segment}.jsonl`).split("\n").slice(0, -1);

test("lines are sealed a minute after they were written, and again after the next", async () => {
  const files = memoryFiles();
  const { sink, clock } = open(files);
  await sink.append(controlRecord("a"), "durable");
  await clock.advanceAsync(59_999);
  expect(sealedIn(files, 1)).toBe(0);
  await clock.advanceAsync(1);
  expect(sealedIn(files, 1)).toBe(1);
  void sink.append(controlRecord("b"), "buffered");
  await clock.advanceAsync(60_200);
  expect(sealedIn(files, 1)).toBe(2);
  await sink.close();
});

test("what a checkpoint seals is on the disk before it, also where durable does not mean that", async () => {
  const files = memoryFiles();
  const { sink } = open(files, { fsync: false });
  await sink.append(controlRecord("a"), "durable");
  await sink.checkpoint();
  files.crash();
  expect(sealedIn(files, 1)).toBe(1);
  expect(linesIn(files, 1)).toHaveLength(1);
});

test("an ended segment is whole on the disk before the first line of the next", async () => {
  const files = memoryFiles();
  const { sink, clock } = open(files, { maxSegmentBytes: 500 });
  for (const subject of ["a", "b", "c"]) {
    void sink.append(controlRecord(subject), "buffered");
    // oxlint-disable-next-line no-await-in-loop -- each is a group of its own
    await clock.advanceAsync(1_000);
  }
  expect(files.list("")).toContain("audit-000003.jsonl");
  files.crash();
  const ended = [...linesIn(files, 1), ...linesIn(files, 2)];
  expect(verifyLines(ended, hash)).toMatchObject({ ok: true, lines: 2 });
});

test("sealed lines that are written anew as a whole chain are not those that the checkpoint seals", async () => {
  const directory = await trail();
  const file = fileOf(directory, 5);
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  const first = readStoredLine(lines[0] ?? "");
  const chain = createChain(hash, first);
  const forged = lines.map((_, index) => storedLine(chain.next(controlRecord(`forged ${index}`))));
  writeFileSync(file, `${forged.join("\n")}\n`);
  expect(await verifyDirectory(directory, KEYS)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000005.jsonl", problem: "edited", line: lines.length },
  });
});

test("an ended segment that somebody made longer is not compressed, to be found line by line", async () => {
  const directory = await trail();
  appendFileSync(fileOf(directory, 2), "more\n");
  const sink = jsonlSink({ directory, ...SIGNED, gzip: true });
  await write(sink, "a", "b", "c");
  await sink.close();
  expect(readdirSync(directory)).toEqual(
    expect.arrayContaining(["audit-000001.jsonl.gz", "audit-000002.jsonl", "audit-000003.jsonl.gz"]),
  );
  expect(await verifyDirectory(directory, KEYS)).toMatchObject({
    firstBad: { segment: "audit-000002.jsonl", line: 3 },
  });
});
