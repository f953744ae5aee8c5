import { rmSync } from "node:fs";

import { expect, test } from "vitest";

import { nodeFileSystem } from "../../src/node/audit-file-system.ts";
import { readTrusted } from "../../src/node/checkpoint-trust.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { PartHelpers } from "../../src/node/part-helpers.ts";
import { readCheckpoints } from "../../src/node/read-checkpoints.ts";
import { filesOf } from "../../src/node/segment-files.ts";
import { verifyWriter, type ReadWriter, type WriterTrail } from "../../src/node/verify-writer.ts";
import { hash } from "../audit/records.ts";
import { fileOf, KEYS, SIGNED, trail, write } from "./attacked-trail.ts";

// What happens to a directory between the moment it is listed and the moment a segment of it is read.

function look(directory: string): ReadWriter {
  const files = filesOf(1, directory, nodeFileSystem);
  return {
    files,
    ...readCheckpoints(files, { directory, trusted: readTrusted(KEYS.keys), trail: undefined }),
  };
}

/** A check of what was listed before. */
function check(directory: string, listed: ReadWriter): ReturnType<typeof verifyWriter> {
  const common: Omit<WriterTrail, keyof ReadWriter> = {
    directory,
    hash,
    mustBeSealed: true,
    heads: [],
    helpers: new PartHelpers(),
    lookAgain: () => look(directory),
  };
  return verifyWriter({ ...common, ...listed });
}

async function goOn(directory: string, options: Partial<JsonlSinkOptions>): Promise<void> {
  const sink = jsonlSink({ directory, ...SIGNED, ...options });
  await write(sink, "more", "and more", "and more");
  await sink.close();
}

test("a segment that is compressed while its trail is verified is read as that", async () => {
  const directory = await trail();
  const listed = look(directory);
  await goOn(directory, { gzip: true });
  const report = await check(directory, listed);
  expect(report).toMatchObject({ segments: listed.files.segments.length, pruned: 0 });
  expect(report.firstBad).toBeUndefined();
  expect(report.lines).toBeGreaterThanOrEqual(9);
  expect(report.sealed).toBe(report.lines);
});

test.each([{ gzip: false }, { gzip: true }])(
  "segments that retention removes while their trail is verified are not missed ($gzip)",
  async ({ gzip }) => {
    const directory = await trail({ gzip });
    const listed = look(directory);
    await goOn(directory, { gzip, retention: { maxBytes: 900 } });
    const report = await check(directory, listed);
    expect(report.firstBad).toBeUndefined();
    expect(report.pruned).toBeGreaterThan(0);
  },
);

test("a segment that somebody takes away while its trail is verified is missed", async () => {
  const directory = await trail();
  const listed = look(directory);
  rmSync(fileOf(directory, 2));
  const { firstBad } = await check(directory, listed);
  expect(firstBad).toMatchObject({ segment: "audit-000002.jsonl", problem: "removed" });
});
