import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { readStoredLine } from "../../src/audit/chain.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink, type JsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

// What somebody does who can write the directory and does not have the signing key.

const mine = generateAuditKeys("audit.example/mine");
const theirs = generateAuditKeys("audit.example/theirs");
const SIGNED = { key: mine.privateKey, fsync: false, maxSegmentBytes: 650 };
const KEYS = { keys: [mine.publicKey] };
const corrupt = expect.objectContaining({ code: "audit_corrupt" });

const newDirectory = (): string => path.join(temporaryDirectory(), "audit");
const fileOf = (directory: string, number: number): string =>
  path.join(directory, `audit-00000${number}.jsonl`);
const checkpointOf = (directory: string, number: number): string =>
  fileOf(directory, number).replace("jsonl", "checkpoint");

async function write(sink: JsonlSink, ...subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group, so that each may begin a segment
    await sink.append(controlRecord(subject), "durable");
  }
}

/** A trail of nine records over five segments. */
async function trail(options: Partial<JsonlSinkOptions> = {}): Promise<string> {
  const directory = newDirectory();
  const sink = jsonlSink({ directory, ...SIGNED, ...options });
  await write(sink, ...Array.from({ length: 9 }, (_, index) => `s${index}`));
  await sink.close();
  return directory;
}

/** The directory as it is at this moment: what a process that is killed now leaves. */
function asKilled(directory: string): string {
  const copy = newDirectory();
  cpSync(directory, copy, { recursive: true, filter: (name) => !name.endsWith(".lock") });
  return copy;
}

function controlsOf(directory: string, action: string): readonly Extract<AuditRecord, { kind: "control" }>[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(path.join(directory, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(readStoredLine(line)?.recordText ?? "{}") as AuditRecord)
    .flatMap((record) => (record.kind === "control" && record.action === action ? [record] : []));
}

/** Takes the signatures off, which anybody can. */
function unsign(directory: string): void {
  for (const name of readdirSync(directory).filter((file) => file.endsWith(".checkpoint"))) {
    const file = path.join(directory, name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/\n\u2014.*/s, "\n"));
  }
}

/** Cuts the trail and goes on with another key. */
async function forge(directory: string): Promise<void> {
  const copy = asKilled(directory);
  unsign(copy);
  rmSync(fileOf(copy, 5));
  rmSync(checkpointOf(copy, 5));
  const forger = jsonlSink({
    directory: copy,
    ...SIGNED,
    key: theirs.privateKey,
    trustedKeys: ["unsigned"],
  });
  await write(forger, "forged");
  await forger.close();
  for (const of of [fileOf, checkpointOf]) {
    rmSync(of(directory, 5));
    cpSync(of(copy, 4), of(directory, 4));
  }
}

describe("who signed", () => {
  test("is looked at before a process goes on from a checkpoint; another's key must be trusted", async () => {
    const directory = await trail();
    await forge(directory);
    expect(() => jsonlSink({ directory, ...SIGNED })).toThrow(
      /not signed by this process or one of trustedKeys/,
    );
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit-000004.jsonl", problem: "checkpoint_unsigned" },
    });
    const sink = jsonlSink({ directory, ...SIGNED, trustedKeys: [theirs.publicKey] });
    await write(sink, "next");
    await sink.close();
    const both = { keys: [mine.publicKey, theirs.publicKey] };
    expect(await verifyDirectory(directory, both)).toMatchObject({ ok: true });
  });

  test("a key can be changed: the old one is trusted by the process and by who verifies", async () => {
    const directory = await trail();
    const next = generateAuditKeys("audit.example/next");
    const options = { directory, ...SIGNED, key: next.privateKey };
    expect(() => jsonlSink(options)).toThrow(corrupt);
    const sink = jsonlSink({ ...options, trustedKeys: [mine.publicKey] });
    await write(sink, "a", "b", "c");
    await sink.close();
    expect(controlsOf(directory, "audit_resumed")).toStrictEqual([]);
    const keys = [mine.publicKey, next.publicKey];
    expect(await verifyDirectory(directory, { keys })).toMatchObject({ ok: true, unsealedTail: 0 });
  });

  test("an unsigned trail is signed from one start on, which is told; and never unsigned again", async () => {
    const directory = await trail({ key: undefined } as never);
    expect(() => jsonlSink({ directory, ...SIGNED })).toThrow(/is not signed; to sign a trail/);
    const logger = createRecordingLogger();
    const options = { directory, ...SIGNED, trustedKeys: ["unsigned"], ports: { logger } };
    const sink = jsonlSink(options);
    await write(sink, "a", "b", "c");
    await sink.close();
    expect(logger.messages("warn").join("\n")).toContain('take "unsigned" out of trustedKeys');
    expect(controlsOf(directory, "audit_resumed")).toMatchObject([
      { subject: "audit-000005.jsonl", data: { unsealed: 1, fromSeq: 8 } },
    ]);
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit-000001.jsonl", problem: "checkpoint_unsigned" },
    });
    const keys = [mine.publicKey, "unsigned"];
    expect(await verifyDirectory(directory, { keys })).toMatchObject({ ok: true, unsealedTail: 0 });

    const numbers = readdirSync(directory).filter((name) => name.endsWith(".checkpoint"));
    const last = path.join(directory, numbers.toSorted().at(-1) ?? "");
    writeFileSync(last, readFileSync(last, "utf8").replace(/\n\u2014.*/s, "\n"));
    expect(() => jsonlSink(options)).toThrow(/is not signed, and audit-\d+\.checkpoint before it is/);
    expect(await verifyDirectory(directory, { keys })).toMatchObject({
      firstBad: { problem: "checkpoint_unsigned" },
    });
  });

  test("a process without a key does not write its own over what is signed", async () => {
    const directory = await trail();
    expect(() => jsonlSink({ directory })).toThrow(/is signed, and this process has no key/);
    expect(() => jsonlSink({ directory, trustedKeys: [mine.publicKey] })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });
});

describe("retention", () => {
  async function goOn(directory: string, maxBytes: number): Promise<readonly string[]> {
    const logger = createRecordingLogger();
    const sink = jsonlSink({ directory, ...SIGNED, retention: { maxBytes }, ports: { logger } });
    await write(sink, "a", "b", "c", "d");
    await sink.close();
    return logger.messages("error");
  }

  test("removes nothing because a file was made long", async () => {
    const directory = await trail();
    truncateSync(fileOf(directory, 3), 50_000_000);
    await goOn(directory, 20_000);
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining(["audit-000001.jsonl", "audit-000002.jsonl"]),
    );
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      prunedSegments: 0,
      firstBad: { segment: "audit-000003.jsonl", line: 3 },
    });
  });

  test("removes nothing because a compressed file was made long", async () => {
    const directory = await trail({ gzip: true });
    const packed = fileOf(directory, 2).replace("jsonl", "jsonl.gz");
    writeFileSync(packed, gzipSync(Buffer.alloc(100_000)), { flag: "a" });
    truncateSync(packed, 30_000_000);
    await goOn(directory, 20_000);
    expect(readdirSync(directory)).toContain("audit-000001.jsonl.gz");
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({ ok: false, prunedSegments: 0 });
  });

  test.each([
    ["edited", (file: string) => writeFileSync(file, readFileSync(file, "utf8").replace("ada", "eve"))],
    ["cut", (file: string) => truncateSync(file, 300)],
    ["made longer", (file: string) => truncateSync(file, 5_000_000)],
  ])("keeps a segment that was %s, and those after it, to be found", async (_how, change) => {
    const directory = await trail();
    change(fileOf(directory, 2));
    const errors = await goOn(directory, 1);
    expect(errors.join("\n")).toContain("audit-000002.jsonl");
    const names = readdirSync(directory);
    expect(names).not.toContain("audit-000001.jsonl");
    expect(names).toEqual(expect.arrayContaining(["audit-000002.jsonl", "audit-000003.jsonl"]));
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      prunedSegments: 1,
      firstBad: { segment: "audit-000002.jsonl" },
    });
  });

  test("does not go by a checkpoint that somebody else wrote", async () => {
    const directory = await trail();
    const forged = readFileSync(checkpointOf(directory, 1), "utf8").replace(/^bytes .*$/m, "bytes 99999999");
    writeFileSync(checkpointOf(directory, 1), forged);
    const errors = await goOn(directory, 20_000);
    expect(errors.join("\n")).toContain("audit-000001.checkpoint is not signed by this process");
    expect(readdirSync(directory)).toContain("audit-000001.jsonl");
  });
});

describe("lines that no checkpoint seals", () => {
  test("are told of by the next start: how many, and from where", async () => {
    const directory = newDirectory();
    const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
    await write(sink, "a");
    await sink.checkpoint();
    await write(sink, "b", "c");
    const killed = asKilled(directory);
    await sink.close();
    expect(await verifyDirectory(killed, KEYS)).toMatchObject({ ok: true, sealed: 1, unsealedTail: 2 });
    const next = jsonlSink({ directory: killed, ...SIGNED });
    await next.close();
    expect(controlsOf(killed, "audit_resumed")).toMatchObject([
      { subject: "audit-000001.jsonl", data: { unsealed: 2, fromSeq: 1 } },
    ]);
    expect(await verifyDirectory(killed, KEYS)).toMatchObject({ ok: true, lines: 4, unsealedTail: 0 });
  });

  test("are not sealed before that is written, also where the segment is full", async () => {
    const directory = newDirectory();
    const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
    await write(sink, "a", "b", "c");
    const killed = asKilled(directory);
    await sink.close();
    const next = jsonlSink({ directory: killed, ...SIGNED, maxSegmentBytes: 10 });
    await write(next, "d");
    const again = asKilled(killed);
    await next.close();
    expect(readFileSync(fileOf(again, 1), "utf8")).toContain('"action":"audit_resumed"');
  });

  test("are not gone on from where the checkpoint that began them is gone", async () => {
    const directory = await trail();
    rmSync(checkpointOf(directory, 5));
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit-000005.jsonl", problem: "checkpoint_missing" },
    });
    expect(() => jsonlSink({ directory, ...SIGNED })).toThrow(/no checkpoint begins it/);
  });

  test("are not signed where somebody planted them before the first start", async () => {
    const directory = newDirectory();
    const planted = await trail({ key: undefined } as never);
    cpSync(fileOf(planted, 1), fileOf(directory, 1));
    expect(() => jsonlSink({ directory, ...SIGNED })).toThrow(corrupt);
  });
});

describe("a planted writer", () => {
  async function startBeside(plant: (directory: string) => Promise<void>): Promise<{
    readonly directory: string;
    readonly errors: readonly string[];
  }> {
    const directory = await trail();
    await plant(directory);
    const before = readdirSync(directory).filter((name) => name.startsWith("audit.7"));
    const logger = createRecordingLogger();
    const sink = jsonlSink({ directory, ...SIGNED, ports: { logger } });
    await write(sink, "next");
    await sink.close();
    // Left as it was.
    expect(readdirSync(directory).filter((name) => name.startsWith("audit.7"))).toStrictEqual(before);
    return { directory, errors: logger.messages("error") };
  }

  const asSeventh = (from: string, to: string, kinds: readonly string[]): void => {
    for (const kind of kinds)
      cpSync(path.join(from, `audit-000001.${kind}`), path.join(to, `audit.7-000001.${kind}`));
  };

  test("without a checkpoint is left, loudly, and named by verify", async () => {
    const { directory, errors } = await startBeside(async (target) => {
      asSeventh(await trail({ key: undefined } as never), target, ["jsonl"]);
    });
    expect(errors.join("\n")).toMatch(
      /writer 7 .* cannot be sealed: audit\.7-000001\.jsonl .*no checkpoint begins it/,
    );
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit.7-000001.jsonl", problem: "checkpoint_missing" },
    });
  });

  test("with another's checkpoint is left, and so is a torn line of it", async () => {
    const { directory, errors } = await startBeside(async (target) => {
      const from = newDirectory();
      const all = Array.from({ length: 7 }, () => jsonlSink({ directory: from, key: theirs.privateKey }));
      await Promise.all(all.map(async (sink) => write(sink, "x")));
      await Promise.all(all.map(async (sink) => sink.close()));
      for (const kind of ["jsonl", "checkpoint"])
        cpSync(path.join(from, `audit.7-000001.${kind}`), path.join(target, `audit.7-000001.${kind}`));
      writeFileSync(path.join(target, "audit.7-000001.jsonl"), "{torn", { flag: "a" });
    });
    expect(errors.join("\n")).toMatch(/writer 7 .*not signed by this process/);
    expect(await verifyDirectory(directory, KEYS)).toMatchObject({
      firstBad: { segment: "audit.7-000001.jsonl", problem: "checkpoint_unsigned" },
    });
  });

  test("that was killed before its first checkpoint interval is no planted one", async () => {
    const directory = newDirectory();
    const [first, second] = [jsonlSink({ directory, ...SIGNED }), jsonlSink({ directory, ...SIGNED })];
    await write(first, "a");
    await write(second, "b");
    const killed = asKilled(directory);
    await Promise.all([first.close(), second.close()]);
    const logger = createRecordingLogger();
    const next = jsonlSink({ directory: killed, ...SIGNED, ports: { logger } });
    await next.close();
    expect(logger.messages("error")).toStrictEqual([]);
    expect(controlsOf(killed, "audit_resumed").map(({ subject }) => subject)).toStrictEqual([
      "audit-000001.jsonl",
      "audit.2-000001.jsonl",
    ]);
    expect(await verifyDirectory(killed, KEYS)).toMatchObject({ ok: true, lines: 4, unsealedTail: 0 });
  });
});

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
