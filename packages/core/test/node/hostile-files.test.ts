import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";

import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { checkPart } from "../../src/node/segment-part.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A trail of three segments with their checkpoints. */
async function trail(gzip = false): Promise<string> {
  const directory = path.join(temporaryDirectory(), "audit");
  const sink = jsonlSink({ directory, maxSegmentBytes: 1, fsync: false, gzip });
  for (let index = 0; index < 3; index++) {
    // Each its own group, so that each begins a segment.
    // oxlint-disable-next-line no-await-in-loop
    await sink.append(controlRecord(`s${index}`), "durable");
  }
  await sink.close();
  return directory;
}

type Plant = (file: string) => void;

const pipe: Plant = (file) => void execFileSync("mkfifo", [file]);
const device: Plant = (file) => symlinkSync("/dev/zero", file);
const folder: Plant = (file) => {
  mkdirSync(file);
};
/** Longer than a string can be, and in the end a line: a hole, which takes no room on the disk. */
const endless: Plant = (file) => {
  const descriptor = openSync(file, "w");
  ftruncateSync(descriptor, 512 * 1024 * 1024);
  writeSync(descriptor, "\n", 512 * 1024 * 1024);
  closeSync(descriptor);
};

describe.skipIf(process.platform === "win32")("what is no file of a trail", () => {
  test.each([
    ["a pipe", "audit-000002.jsonl", pipe, "edited"],
    ["a device", "audit-000002.jsonl", device, "edited"],
    ["a folder", "audit-000002.jsonl", folder, "edited"],
    ["a pipe", "audit-000002.checkpoint", pipe, "checkpoint_broken"],
    ["a device", "audit-000002.checkpoint", device, "checkpoint_broken"],
    ["a folder", "audit-000002.checkpoint", folder, "checkpoint_broken"],
    ["a line without end", "audit-000002.checkpoint", endless, "checkpoint_broken"],
  ])("%s in the place of %s is named", async (_what, name, plant, problem) => {
    const directory = await trail();
    rmSync(path.join(directory, name));
    plant(path.join(directory, name));
    const { ok, firstBad } = await verifyDirectory(directory);
    expect({ ok, ...firstBad }).toMatchObject({ ok: false, problem, segment: "audit-000002.jsonl" });
  });

  test.each([
    ["a pipe", pipe],
    ["a device", device],
    ["a line without end", endless],
  ])("%s in the place of a compressed segment is named", async (_what, plant) => {
    const directory = await trail(true);
    const file = path.join(directory, "audit-000001.jsonl.gz");
    rmSync(file);
    plant(file);
    const { firstBad } = await verifyDirectory(directory);
    expect(firstBad).toMatchObject({ problem: "edited", segment: "audit-000001.jsonl", line: 0 });
  });

  test.each([
    ["a pipe", "audit-000003.jsonl", pipe],
    ["a device", "audit-000003.checkpoint", device],
    ["a line without end", "audit-000003.checkpoint", endless],
  ])("%s in the place of %s stops the next start, which says so", async (_what, name, plant) => {
    const directory = await trail();
    rmSync(path.join(directory, name));
    plant(path.join(directory, name));
    expect(() => jsonlSink({ directory })).toThrow(
      /is not a regular file|is longer than it can be|holds 0 lines, its checkpoint seals/,
    );
  });
});

describe.skipIf(process.platform === "win32")("what is planted where a process will write", () => {
  const victim = (text: string): string => {
    const file = path.join(temporaryDirectory(), "victim");
    writeFileSync(file, text);
    return file;
  };

  test.each([
    ["a link to another file", (file: string, other: string) => symlinkSync(other, file)],
    ["a link to a file that does not exist", (file: string, other: string) => symlinkSync(`${other}2`, file)],
    ["a pipe", pipe],
    ["a device", device],
    ["a file with something in it", (file: string) => writeFileSync(file, "planted\n")],
  ])(
    "%s under the name of the next segment gets no line, and durable records are refused",
    async (_what, plant) => {
      const directory = path.join(temporaryDirectory(), "audit");
      const other = victim("precious");
      const logger = createRecordingLogger();
      const sink = jsonlSink({ directory, maxSegmentBytes: 1, ports: { logger } });
      await sink.append(controlRecord("a"), "durable");
      const next = path.join(directory, "audit-000002.jsonl");
      plant(next, other);
      await expect(sink.append(controlRecord("b"), "durable")).rejects.toMatchObject({
        code: "audit_failed",
      });
      expect(logger.messages("error").join()).toMatch(/audit-000002.jsonl is not (a regular file|empty)/);
      expect(readFileSync(other, "utf8")).toBe("precious");
      expect(existsSync(`${other}2`)).toBe(false);
      // Once it is moved away, all goes on.
      rmSync(next);
      await sink.append(controlRecord("c"), "durable");
      await sink.close();
      expect(await verifyDirectory(directory)).toMatchObject({ ok: true, unsealedTail: 0 });
    },
  );

  test("a link under the name of a segment has nothing torn off and nothing written at the next start", () => {
    const directory = temporaryDirectory();
    const other = victim("a secret without a line break");
    symlinkSync(other, path.join(directory, "audit-000001.jsonl"));
    expect(() => jsonlSink({ directory })).toThrow(/audit-000001.jsonl is not a regular file/);
    expect(readFileSync(other, "utf8")).toBe("a secret without a line break");
  });
});

test("a line that is too long to be a string is none", async () => {
  const directory = await trail();
  const bytes = readFileSync(path.join(directory, "audit-000001.jsonl"));
  const question = { startSeq: 0, sealed: 0, watched: [] };
  expect(checkPart(bytes, question, bytes.length)).toMatchObject({ isWhole: true, good: 1 });
  expect(checkPart(bytes, question, bytes.length - 2)).toMatchObject({ isWhole: false, good: 0 });
});
