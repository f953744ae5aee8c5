import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";

import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const segmentsOf = (directory: string): readonly string[] =>
  readdirSync(directory).filter((name) => /^audit-\d+\.jsonl/.test(name));

/** Ten records, two in each segment. */
async function trail(options: Partial<JsonlSinkOptions>): Promise<string> {
  const directory = path.join(temporaryDirectory(), "audit");
  const sink = jsonlSink({ directory, maxSegmentBytes: 700, fsync: false, ...options });
  for (let index = 0; index < 10; index++) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group, so that each may begin a segment
    await sink.append(controlRecord(`s${index}`), "durable");
  }
  await sink.close();
  return directory;
}

test("ended segments are compressed, and verify as before", async () => {
  const directory = await trail({ gzip: true });
  const segments = segmentsOf(directory);
  expect(segments.filter((name) => name.endsWith(".gz")).length).toBe(segments.length - 1);
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 10, sealed: 10 });
});

test.each([{ gzip: false }, { gzip: true }])(
  "what retention removes is said by the next checkpoint and a record, and is not missed ($gzip)",
  async ({ gzip }) => {
    const directory = await trail({ gzip, retention: { maxBytes: 900 } });
    const report = await verifyDirectory(directory);
    expect(report).toMatchObject({ ok: true, unsealedTail: 0 });
    expect(report.prunedSegments).toBeGreaterThan(0);
    expect(report.lines).toBeLessThan(10);
    // It goes on where it was, although its first segments are gone.
    const sink = jsonlSink({ directory });
    await sink.append(controlRecord("again"), "durable");
    await sink.close();
    expect(await verifyDirectory(directory, { ends: [sink.end] })).toMatchObject({ ok: true });
  },
);

test("what is removed while the sink is closed is recorded, too", async () => {
  const directory = temporaryDirectory();
  const sink = jsonlSink({ directory, maxSegmentBytes: 10, fsync: false, retention: { maxBytes: 1 } });
  await sink.append(controlRecord("a"), "durable");
  await sink.append(controlRecord("b"), "durable");
  void sink.append(controlRecord("c"), "buffered");
  await sink.close();
  const text = segmentsOf(directory)
    .map((name) => readFileSync(path.join(directory, name), "utf8"))
    .join("");
  expect(text).toContain('"action":"audit_pruned","at"');
  expect(text).toContain('"subject":"audit-000001.jsonl"');
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, unsealedTail: 0 });
});

test("retention by age removes what is older, and goes on verifying from there", async () => {
  const [directory, ports] = [temporaryDirectory(), createTestPorts()];
  const options = { directory, fsync: false, maxSegmentMs: 1_000, retention: { maxMs: 5_000 } };
  const sink = jsonlSink({ ...options, ports });
  for (let index = 0; index < 12; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one segment after the other
    await sink.append(controlRecord(`s${index}`), "durable");
    ports.clock.advance(1_001);
  }
  await sink.close();
  const report = await verifyDirectory(directory, { ends: [sink.end] });
  expect(report).toMatchObject({ ok: true, unsealedTail: 0 });
  expect(report.prunedSegments).toBeGreaterThanOrEqual(5);
  expect(report.segments).toBeGreaterThanOrEqual(5);
});

describe("a wall clock that is set while the trail is written", () => {
  const DECADE_MS = 10 * 365 * 86_400_000;

  /** Three segments, the clock set, three more, the clock set right; what was there then, and what is left later. */
  async function trailWithJump(jumpMs: number) {
    const [directory, ports] = [temporaryDirectory(), createTestPorts()];
    const sink = jsonlSink({
      directory,
      fsync: false,
      maxSegmentMs: 1_000,
      retention: { maxMs: 60_000 },
      ports,
    });
    const write = async (): Promise<void> => {
      for (let index = 0; index < 3; index++) {
        // oxlint-disable-next-line no-await-in-loop -- one segment after the other
        await sink.append(controlRecord(`s${index}`), "durable");
        ports.clock.advance(1_001);
      }
    };
    await write();
    ports.clock.jumpWall(jumpMs);
    await write();
    ports.clock.jumpWall(-jumpMs);
    const kept = segmentsOf(directory);
    ports.clock.advance(70_000);
    await write();
    await sink.close();
    expect(await verifyDirectory(directory)).toMatchObject({ ok: true, unsealedTail: 0 });
    return { kept, left: segmentsOf(directory) };
  }

  test("forward removes nothing before its time", async () => {
    expect((await trailWithJump(DECADE_MS)).kept).toHaveLength(6);
  });

  test("back still begins new segments", async () => {
    expect((await trailWithJump(-DECADE_MS)).kept).toHaveLength(6);
  });

  test.each([DECADE_MS, -DECADE_MS])(
    "by %i ms and right again lets old segments go in the end",
    async (jumpMs) => {
      const { left } = await trailWithJump(jumpMs);
      // Those of the last minute, and the one that was open before.
      expect(left).toStrictEqual([6, 7, 8, 9].map((number) => `audit-00000${number}.jsonl`));
    },
  );
});
