import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";

import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import {
  theirs,
  SIGNED,
  KEYS,
  corrupt,
  newDirectory,
  fileOf,
  checkpointOf,
  write,
  trail,
  asKilled,
  controlsOf,
} from "./attacked-trail.ts";

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

  test("are not read, nor set aside as torn, where they are longer than any segment", async () => {
    const directory = newDirectory();
    const sink = jsonlSink({ directory, ...SIGNED, maxSegmentBytes: 100_000 });
    await write(sink, "a");
    const killed = asKilled(directory);
    await sink.close();
    // Takes no room: nothing is written there.
    truncateSync(fileOf(killed, 1), 20 * 2 ** 30);
    expect(() => jsonlSink({ directory: killed, ...SIGNED })).toThrow(/it is longer than \d+ bytes/);
    expect(readdirSync(killed).filter((name) => name.includes("torn"))).toStrictEqual([]);
    expect(() => jsonlSink({ directory, maxSegmentBytes: 2 ** 30 })).toThrow(/must be at most 268435456/);
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
