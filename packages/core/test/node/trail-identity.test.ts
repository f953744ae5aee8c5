import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { checkpointText, readCheckpointText, type Checkpoint } from "../../src/node/checkpoint.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { createNoteSigner, openNote } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { mine, SIGNED, KEYS, newDirectory, fileOf, checkpointOf, write, trail } from "./attacked-trail.ts";

describe("another trail with the same key", () => {
  async function publishedTrail(options: Partial<JsonlSinkOptions> = {}) {
    const notes: string[] = [];
    const append = (record: AuditRecord): void => {
      const note = record.kind === "control" ? record.data?.["note"] : undefined;
      if (typeof note === "string") notes.push(note);
    };
    const directory = await trail({ publishTo: { append }, ...options });
    return { directory, notes };
  }

  test("does not pass in the place of this one", async () => {
    const [one, other] = [await publishedTrail(), await publishedTrail()];
    const { trail: id } = await verifyDirectory(one.directory, KEYS);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await verifyDirectory(one.directory, { ...KEYS, published: one.notes })).toMatchObject({
      ok: true,
    });
    const foreign = { ok: false, firstBad: { segment: "audit-000001.jsonl", problem: "checkpoint_foreign" } };
    // The first note alone says that nothing was written yet: only the id tells the two apart.
    const published = one.notes.slice(0, 1);
    expect(await verifyDirectory(other.directory, { ...KEYS, published })).toMatchObject(foreign);
    expect(await verifyDirectory(other.directory, { ...KEYS, trail: id ?? "" })).toMatchObject(foreign);
    const mixed = { ...KEYS, published: [...published, ...other.notes] };
    await expect(verifyDirectory(one.directory, mixed)).rejects.toMatchObject({ code: "config_invalid" });
  });

  test("does not pass beside it, and is neither sealed nor joined", async () => {
    const [directory, other] = [newDirectory(), newDirectory()];
    for (const target of [directory, other]) {
      const sinks = [
        jsonlSink({ directory: target, ...SIGNED }),
        jsonlSink({ directory: target, ...SIGNED }),
      ];
      // oxlint-disable-next-line no-await-in-loop -- one directory after the other
      for (const sink of target === other ? sinks : sinks.slice(0, 1)) await write(sink, "a");
      // oxlint-disable-next-line no-await-in-loop
      await Promise.all(sinks.map(async (sink) => sink.close()));
    }
    for (const ending of ["jsonl", "checkpoint"])
      cpSync(path.join(other, `audit.2-000001.${ending}`), path.join(directory, `audit.2-000001.${ending}`));
    const sink = jsonlSink({ directory, ...SIGNED });
    await write(sink, "b");
    await sink.close();
    expect(readFileSync(checkpointOf(directory, 1), "utf8")).not.toContain("joined");
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit.2-000001.jsonl", problem: "checkpoint_foreign" },
    });
  });

  test("published checkpoints of removed lines are held against the kept ones, or reported", async () => {
    const { directory, notes } = await publishedTrail({ retention: { maxBytes: 1 } });
    const report = await verifyDirectory(directory, { ...KEYS, published: notes });
    expect(report).toMatchObject({ ok: true, unchecked: [] });
    expect(report.prunedSegments).toBeGreaterThan(3);
    // Without the checkpoint of the segment nothing tells whether it was so.
    rmSync(checkpointOf(directory, 1));
    rmSync(checkpointOf(directory, 2));
    const less = await verifyDirectory(directory, { ...KEYS, published: notes });
    expect(less.unchecked.map(({ segment }) => segment)).toContain(1);
    expect(less.unchecked[0]).toMatchObject({ writer: 1 });
  });

  test.each([
    [
      "another end",
      (checkpoint: Checkpoint) => ({ ...checkpoint, end: { ...checkpoint.end, prev: "a".repeat(64) } }),
    ],
    [
      "more lines than were removed",
      (checkpoint: Checkpoint) => ({
        ...checkpoint,
        size: checkpoint.size + 1,
        end: { seq: checkpoint.end.seq + 1, prev: "a".repeat(64) },
      }),
    ],
  ])("a published checkpoint of removed lines that saw %s is no good", async (_what, change) => {
    const { directory, notes } = await publishedTrail({ retention: { maxBytes: 1 } });
    const all = notes.map((note) => readCheckpointText(openNote(note, [])?.text ?? ""));
    const second = all.findLast((checkpoint) => checkpoint?.number === 2);
    if (second === undefined) throw new Error("no checkpoint of the second segment was published");
    const published = [createNoteSigner(mine.privateKey).sign(checkpointText(change(second)))];
    expect(await verifyDirectory(directory, { ...KEYS, published })).toMatchObject({
      ok: false,
      firstBad: { segment: "audit-000002.jsonl", problem: "checkpoint_contradicted" },
    });
  });

  test("where nothing tells which of two a new writer belongs to, it does not start", async () => {
    const [one, other] = [await trail(), await trail()];
    // Each a checkpoint of its own place, as if two trails were put into one directory.
    for (const [from, writer] of [
      [one, 2],
      [other, 3],
    ] as const) {
      const checkpoint = readCheckpointText(
        openNote(readFileSync(checkpointOf(from, 1), "utf8"), [])?.text ?? "",
      );
      if (checkpoint === undefined) throw new Error("no checkpoint");
      const note = createNoteSigner(mine.privateKey).sign(checkpointText({ ...checkpoint, writer }));
      writeFileSync(path.join(one, `audit.${writer}-000001.checkpoint`), note);
      cpSync(fileOf(from, 1), path.join(one, `audit.${writer}-000001.jsonl`));
    }
    for (const name of readdirSync(one).filter((file) => /^audit-|\.trail$/.test(file)))
      rmSync(path.join(one, name));
    expect(() => jsonlSink({ directory: one, ...SIGNED })).toThrow(
      /is not one trail: its checkpoints are of/,
    );
  });
});

test("a compressed segment is decompressed only as far as its checkpoint says", async () => {
  const directory = await trail({ gzip: true });
  const packed = fileOf(directory, 2).replace("jsonl", "jsonl.gz");
  writeFileSync(packed, gzipSync(Buffer.alloc(200_000_000)));
  expect(await verifyDirectory(directory, KEYS)).toMatchObject({
    firstBad: {
      segment: "audit-000002.jsonl",
      problem: "edited",
      detail: expect.stringMatching(/^it decompresses to more than the \d{3} bytes/),
    },
  });
});
