import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { readStoredLine } from "../../src/audit/chain.ts";
import type { FetchLike } from "../../src/base/platform.ts";
import { serviceSink, type ServiceSink, type ServiceSinkOptions } from "../../src/node/service-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

// What somebody does to the place where delivery goes on, who can write the spool and does not have its key.

const { privateKey: key } = generateAuditKeys("audit.example/spool");
const corrupt = expect.objectContaining({ code: "audit_corrupt", data: { file: "delivered.note" } });

/** A spool of five records, of which the service has the first three. */
async function spool(options: Partial<ServiceSinkOptions> = {}) {
  const directory = path.join(temporaryDirectory(), "spool");
  const lines: string[] = [];
  let isUp = true;
  const fetch: FetchLike = async (_url, { body }) => {
    if (isUp) lines.push(...body.split("\n").slice(0, -1));
    return { ok: isUp, status: isUp ? 200 : 503 };
  };
  const logger = createRecordingLogger();
  const open = (more: Partial<ServiceSinkOptions> = {}): ServiceSink => {
    const ports = { fetch, logger };
    return serviceSink({
      url: "https://audit.example",
      directory,
      retryMs: 60_000,
      ports,
      ...options,
      ...more,
    });
  };
  const sink = open();
  for (const subject of ["a", "b", "c"]) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group
    await sink.append(controlRecord(subject), "durable");
  }
  await sink.deliver();
  isUp = false;
  for (const subject of ["d", "e"]) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group
    await sink.append(controlRecord(subject), "durable");
  }
  await sink.close();
  isUp = true;
  const cursor = path.join(directory, "delivered.note");
  return { directory, cursor, lines, logger, open };
}

const subjectsOf = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => /"subject":"([^"]*)"/.exec(line)?.[1] ?? "");

/** Opens, and waits until what was refused is given back. */
async function refusal(open: () => ServiceSink, directory: string): Promise<unknown> {
  let refused: unknown;
  try {
    await open().close();
  } catch (error) {
    refused = error;
  }
  await expect.poll(() => readdirSync(directory), { timeout: 10_000 }).not.toContain("audit.lock");
  return refused;
}

function moveTo(cursor: string, seq: number, offset: number): void {
  const text = readFileSync(cursor, "utf8");
  const moved = text.replace(/^offset .*$/m, `offset ${offset}`).replace(/^seq .*$/m, `seq ${seq}`);
  expect(moved).not.toBe(text);
  writeFileSync(cursor, moved);
}

test("a place that was moved forward is not gone on from: its signature is gone", async () => {
  const { directory, cursor, open, lines } = await spool({ key });
  const length = readFileSync(path.join(directory, "audit-000001.jsonl")).length;
  moveTo(cursor, 5, length);
  expect(await refusal(open, directory)).toEqual(corrupt);
  writeFileSync(cursor, readFileSync(cursor, "utf8").replace(/\n\u2014.*/s, "\n"));
  expect(await refusal(open, directory)).toEqual(corrupt);
  expect(subjectsOf(lines)).toStrictEqual(["a", "b", "c"]);
});

test("the place of another spool with the same key is none of this", async () => {
  const [one, other] = [await spool({ key }), await spool({ key })];
  cpSync(other.cursor, one.cursor);
  expect(() => one.open()).toThrow(corrupt);
});

test("without a key a place must at least be where a line of its number begins", async () => {
  const { directory, cursor, open } = await spool();
  const length = readFileSync(path.join(directory, "audit-000001.jsonl")).length;
  const good = readFileSync(cursor, "utf8");
  for (const [seq, offset] of [
    [4, length],
    [5, length - 1],
    [5, length + 1],
    [0, 10],
    [2, 0],
  ] as const) {
    moveTo(cursor, seq, offset);
    // oxlint-disable-next-line no-await-in-loop -- one spool
    expect(await refusal(open, directory)).toEqual(corrupt);
    writeFileSync(cursor, good);
  }
});

test("an untouched place, an earlier one and none at all lose nothing", async () => {
  const { cursor, open, lines } = await spool({ key });
  await open().close();
  expect(subjectsOf(lines)).toStrictEqual(["a", "b", "c", "d", "e"]);
  rmSync(cursor);
  await open().close();
  expect(subjectsOf(lines.slice(5))).toStrictEqual(["a", "b", "c", "d", "e"]);
});

test("lines that were taken away hold back none that follow, and are missed loudly", async () => {
  const { directory, open, lines, logger } = await spool({ key, maxSegmentBytes: 10 });
  const numbers = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  expect(numbers).toHaveLength(5);
  rmSync(path.join(directory, "audit-000004.jsonl"));
  await open().close();
  expect(subjectsOf(lines)).toStrictEqual(["a", "b", "c", "e"]);
  expect(lines.map((line) => readStoredLine(line)?.seq)).toStrictEqual([0, 1, 2, 4]);
  expect(logger.messages("error").join("\n")).toContain("goes on with record 4 where 3 was to be delivered");
});
