import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { asKilled, SIGNED, KEYS, fileOf, checkpointOf, write, trail } from "./attacked-trail.ts";

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

  test.each([
    ["of a copy that went its own way", "checkpoint_contradicted", (_: string, copy: string) => copy],
    ["that was changed", "checkpoint_unsigned", (own: string) => own.replace("time 2", "time 3")],
    ["that cannot be read", "checkpoint_broken", () => "?"],
  ])(
    "leaves checkpoints to be found by: one %s is named, not what it removed",
    async (_, problem, change) => {
      const directory = await trail();
      const copy = asKilled(directory);
      for (const [of, subject] of [
        [directory, "here"],
        [copy, "there"],
      ] as const) {
        const sink = jsonlSink({ directory: of, ...SIGNED, retention: { maxBytes: 1 } });
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await write(sink, subject, subject, subject, subject, subject);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await sink.close();
      }
      expect(await verifyDirectory(directory, KEYS)).toMatchObject({ ok: true });
      expect(readdirSync(directory)).not.toContain("audit-000006.jsonl");
      const [own, other] = [directory, copy].map((of) => readFileSync(checkpointOf(of, 6), "utf8"));
      writeFileSync(checkpointOf(directory, 6), change(own ?? "", other ?? ""));
      expect(await verifyDirectory(directory, KEYS)).toMatchObject({ ok: false, firstBad: { problem } });
    },
  );
});
