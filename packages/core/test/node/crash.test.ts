import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { nodeFileSystem } from "../../src/node/audit-file-system.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { startWriter, subjectsOf } from "./start-writer.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

test("kill -9 during group commit: every acknowledged record survives, the directory is taken over", async () => {
  const directory = temporaryDirectory();
  const writer = await startWriter(directory);
  const acknowledged = await writer.kill();
  appendFileSync(path.join(directory, "audit-000001.jsonl"), '{"hash":"torn');

  const sink = jsonlSink({ directory });
  await sink.append(controlRecord("after the crash"), "durable");
  await sink.close();
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, ends: [sink.end], unsealedTail: 0 });
  const text = readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8");
  expect(acknowledged.length).toBeGreaterThan(90);
  const subjects = subjectsOf(text);
  expect(acknowledged.filter((subject) => !subjects.has(subject))).toStrictEqual([]);
  expect(text).toContain('"action":"audit_repaired"');
  expect(readdirSync(directory).toSorted()).toStrictEqual([
    "audit-000001.checkpoint",
    "audit-000001.jsonl",
    "audit-000001.jsonl.torn-1",
    "audit.trail",
  ]);
});

test("a process that ends by itself leaves none of its buffered records unwritten", async () => {
  const directory = temporaryDirectory();
  const script = path.join(import.meta.dirname, "append-and-end.ts");
  const child = spawn(process.execPath, [script, directory], { stdio: "inherit" });
  expect(await once(child, "close")).toStrictEqual([0, null]);
  expect(subjectsOf(readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8"))).toStrictEqual(
    new Set(["a", "b"]),
  );
});

test("kill -9 amid rotation, compression and retention, again and again, leaves a signed trail that verifies", async () => {
  const directory = temporaryDirectory();
  const { privateKey: key, publicKey } = generateAuditKeys("audit.example/crash");
  const options = {
    key,
    gzip: true,
    maxSegmentBytes: 3_000,
    checkpointMs: 20,
    retention: { maxBytes: 20_000 },
  };
  for (let round = 0; round < 4; round++) {
    // oxlint-disable-next-line no-await-in-loop -- each goes on where the one before was killed
    await (await startWriter(directory, `${round}:`, options)).kill();
    // oxlint-disable-next-line no-await-in-loop
    const { firstBad } = await verifyDirectory(directory, { keys: [publicKey] });
    // The last line may have been torn, nothing else.
    expect(firstBad?.problem ?? "truncated").toBe("truncated");
  }
  const sink = jsonlSink({ directory, ...options });
  await sink.close();
  const report = await verifyDirectory(directory, { keys: [publicKey], ends: [sink.end] });
  expect(report).toMatchObject({ ok: true, unsealedTail: 0 });
  expect(report.prunedSegments).toBeGreaterThan(0);
});

test.runIf(process.platform === "linux")("a full device refuses durable records and says so", async () => {
  const directory = temporaryDirectory();
  const device = openSync("/dev/full", "w");
  const openSegment = (file: string) => ({
    ...nodeFileSystem.openSegment(file),
    append: async (bytes: Uint8Array) => writeSync(device, bytes),
  });
  const logger = createRecordingLogger();
  const sink = jsonlSink({ directory, files: { ...nodeFileSystem, openSegment }, ports: { logger } });
  const refused = sink.append(controlRecord("a"), "durable");
  await expect(refused).rejects.toMatchObject({ code: "audit_failed", data: { directory, code: "ENOSPC" } });
  expect(logger.messages("error")).toHaveLength(1);
  onTestFinished(() => closeSync(device));
  await expect(sink.close()).rejects.toMatchObject({ code: "audit_failed" });
});

test("a directory that is a file is named where the sink is created", () => {
  const directory = path.join(temporaryDirectory(), "audit");
  writeFileSync(directory, "");
  expect(() => jsonlSink({ directory })).toThrow(
    expect.objectContaining({ code: "audit_failed", data: { directory } }),
  );
});
