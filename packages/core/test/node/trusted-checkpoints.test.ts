import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";

import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import {
  mine,
  theirs,
  SIGNED,
  KEYS,
  corrupt,
  fileOf,
  checkpointOf,
  write,
  trail,
  asKilled,
  controlsOf,
  unsign,
} from "./attacked-trail.ts";

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
