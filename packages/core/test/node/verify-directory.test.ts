import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { readStoredLine } from "../../src/audit/chain.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { verifyDirectory, type WriterEnd } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

interface Trail {
  readonly directory: string;
  readonly end: WriterEnd;
  readonly notes: readonly string[];
  readonly id: string;
  file(number: number): string;
  checkpoint(number: number): string;
}

/** A trail of nine records over five segments; the notes of its checkpoints were published. */
async function trail(options: Partial<JsonlSinkOptions> = {}): Promise<Trail> {
  const directory = path.join(temporaryDirectory(), "audit");
  const notes: string[] = [];
  const publish = (record: AuditRecord): void => {
    const note = record.kind === "control" ? record.data?.["note"] : undefined;
    if (typeof note === "string") notes.push(note);
  };
  const sink = jsonlSink({
    directory,
    maxSegmentBytes: 650,
    fsync: false,
    publishTo: { append: publish },
    ...options,
  });
  for (let index = 0; index < 9; index++) {
    // Each its own group, so that each may begin a segment.
    // oxlint-disable-next-line no-await-in-loop
    await sink.append(controlRecord(`s${index}`), "durable");
  }
  await sink.close();
  const file = (number: number): string => path.join(directory, `audit-00000${number}.jsonl`);
  return {
    directory,
    end: sink.end,
    notes,
    id: sink.trail,
    file,
    checkpoint: (number) => file(number).replace("jsonl", "checkpoint"),
  };
}

function edit(file: string, from: RegExp | string, to: string): void {
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

/** As somebody who can write the directory but has no key would: the last line of a segment and its chain written anew. */
async function forgeLastSegment({ directory, file, checkpoint }: Trail): Promise<void> {
  rmSync(file(5));
  rmSync(checkpoint(5));
  const signed = readFileSync(checkpoint(4), "utf8");
  writeFileSync(checkpoint(4), signed.replace(/\n\u2014.*/s, "\n"));
  const forger = jsonlSink({ directory, maxSegmentBytes: 650, fsync: false });
  await forger.append(controlRecord("forged"), "durable");
  await forger.close();
  writeFileSync(checkpoint(4), signed);
}

test("accepts an untouched directory, with and without a known end", async () => {
  const { directory, end, notes, id } = await trail();
  const report = {
    ok: true,
    segments: 5,
    lines: 9,
    sealed: 9,
    unsealedTail: 0,
    prunedSegments: 0,
    ends: [end],
    unchecked: [],
    trail: id,
  };
  expect(await verifyDirectory(directory)).toStrictEqual(report);
  expect(await verifyDirectory(directory, { ends: [end], published: notes })).toStrictEqual(report);
});

test("names the segment and line of an edit", async () => {
  const { directory, file } = await trail();
  edit(file(2), /"s3"/, '"x3"');
  expect(await verifyDirectory(directory)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000002.jsonl", line: 2, problem: "edited" },
  });
});

test("finds a segment that is gone, and one that was cut at its end", async () => {
  const { directory, file } = await trail();
  const whole = readFileSync(file(2), "utf8");
  rmSync(file(2));
  const gone = { segment: "audit-000002.jsonl", line: 0, problem: "removed" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(gone);
  writeFileSync(file(2), `${whole.split("\n")[0]}\n`);
  const cut = { segment: "audit-000002.jsonl", line: 2, problem: "truncated" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(cut);
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

test("finds a last line without its line break, and the loss of what a checkpoint seals", async () => {
  const { directory, file } = await trail();
  truncateSync(file(5), readFileSync(file(5)).length - 1);
  const truncated = { segment: "audit-000005.jsonl", line: 1, problem: "truncated" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(truncated);
  rmSync(file(5));
  const gone = { segment: "audit-000005.jsonl", line: 0, problem: "truncated" };
  expect((await verifyDirectory(directory)).firstBad).toMatchObject(gone);
});

test("finds an end that is gone with its checkpoint where its head is known elsewhere", async () => {
  const { directory, end, notes, file, checkpoint } = await trail();
  rmSync(file(5));
  rmSync(checkpoint(5));
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 8 });
  const truncated = { firstBad: { problem: "truncated" }, ok: false };
  expect(await verifyDirectory(directory, { ends: [end] })).toMatchObject(truncated);
  expect(await verifyDirectory(directory, { published: notes })).toMatchObject(truncated);
});

test("finds an end that was written anew, checkpoint and all, by the published one and by the key", async () => {
  const keys = generateAuditKeys("audit.example/test");
  const made = await trail({ key: keys.privateKey });
  const { directory, notes } = made;
  await forgeLastSegment(made);
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 9 });
  expect(await verifyDirectory(directory, { published: notes })).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000005.jsonl", line: 1, problem: "edited" },
  });
  expect(await verifyDirectory(directory, { keys: [keys.publicKey] })).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000005.jsonl", problem: "checkpoint_unsigned" },
  });
});

test("a checkpoint that was changed, taken away, exchanged or broken does not count", async () => {
  const keys = generateAuditKeys("audit.example/test");
  const other = generateAuditKeys("audit.example/test");
  const { directory, checkpoint } = await trail({ key: keys.privateKey });
  const check = async (): Promise<unknown> =>
    (await verifyDirectory(directory, { keys: [keys.publicKey] })).firstBad;
  const whole = readFileSync(checkpoint(2), "utf8");
  expect(await check()).toBeUndefined();
  edit(checkpoint(2), /^time 2/m, "time 3");
  expect(await check()).toMatchObject({ segment: "audit-000002.jsonl", problem: "checkpoint_unsigned" });
  writeFileSync(checkpoint(2), readFileSync(checkpoint(3)));
  expect(await check()).toMatchObject({ segment: "audit-000002.jsonl", problem: "checkpoint_broken" });
  writeFileSync(checkpoint(2), whole.slice(0, 100));
  expect(await check()).toMatchObject({ segment: "audit-000002.jsonl", problem: "checkpoint_broken" });
  rmSync(checkpoint(2));
  expect(await check()).toMatchObject({ segment: "audit-000002.jsonl", problem: "checkpoint_missing" });
  writeFileSync(checkpoint(2), whole);
  expect((await verifyDirectory(directory, { keys: [other.publicKey] })).firstBad).toMatchObject({
    problem: "checkpoint_unsigned",
  });
});

test("checks what is left after older segments were moved away by hand, from where it starts", async () => {
  const { directory, end, file, checkpoint } = await trail();
  rmSync(file(1));
  expect((await verifyDirectory(directory)).firstBad).toMatchObject({ problem: "removed" });
  for (const number of [1, 2, 3, 4, 5]) rmSync(checkpoint(number));
  const first = readStoredLine(readFileSync(file(2), "utf8").split("\n")[0] ?? "");
  const start = { seq: first?.seq ?? 0, prev: first?.prev ?? "" };
  expect(await verifyDirectory(directory, { start, ends: [end] })).toMatchObject({ ok: true, lines: 7 });
});

test("an empty directory is a trail of no lines", async () => {
  const directory = temporaryDirectory();
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, segments: 0, lines: 0 });
  const end = { writer: 1, seq: 2, prev: "f".repeat(64) };
  expect((await verifyDirectory(directory, { ends: [end] })).firstBad).toMatchObject({
    line: 1,
    problem: "truncated",
  });
});

test.each([
  ["keys", { keys: ["audit.example+12345678+AAAA"] }],
  ["published[0]", { published: ["no note"] }],
])("refuses %s that cannot be meant", async (name, options) => {
  await expect(verifyDirectory(temporaryDirectory(), options)).rejects.toMatchObject({
    code: "config_invalid",
  });
  expect(name).not.toBe("");
});

test("a segment that somebody took away stays missed when the trail goes on after a restart", async () => {
  const { directory, file } = await trail();
  rmSync(file(1));
  rmSync(file(2));
  const sink = jsonlSink({ directory, maxSegmentBytes: 650, fsync: false, retention: { maxBytes: 1 } });
  for (const subject of ["a", "b", "c"]) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group, so that each may begin a segment
    await sink.append(controlRecord(subject), "durable");
  }
  await sink.close();
  expect(await verifyDirectory(directory)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit-000001.jsonl", problem: "removed" },
  });
});
