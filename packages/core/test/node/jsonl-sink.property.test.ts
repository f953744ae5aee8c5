import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { ControlRecord } from "../../src/audit/audit-record.ts";
import { readStoredLine } from "../../src/audit/chain.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { controlRecord, hash } from "../audit/records.ts";
import { memoryFiles, systemError, type MemoryFiles } from "./memory-files.ts";

type Step =
  | { readonly kind: "durable" | "buffered" }
  /** So many at once that the disk begins before the last of them has come. */
  | { readonly kind: "burst"; readonly count: number }
  | { readonly kind: "room"; readonly bytes: number }
  | { readonly kind: "fail"; readonly what: "append" | "sync" | "truncate" }
  | { readonly kind: "heal" | "wait" };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("durable" as const, "buffered" as const) }) },
    fc.record({ kind: fc.constant("burst" as const), count: fc.integer({ min: 60, max: 200 }) }),
    fc.record({ kind: fc.constant("room" as const), bytes: fc.nat({ max: 1_500 }) }),
    fc.record({ kind: fc.constant("fail" as const), what: fc.constantFrom("append", "sync", "truncate") }),
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("heal" as const, "wait" as const) }) },
  ),
  { maxLength: 40 },
);

function disturb(step: Step, files: MemoryFiles): void {
  if (step.kind === "room") files.room = step.bytes;
  if (step.kind === "fail") files.failures[step.what] = systemError("EIO");
  if (step.kind === "heal") heal(files);
}

function heal(files: MemoryFiles): void {
  files.room = Infinity;
  for (const what of ["append", "sync", "truncate"] as const) delete files.failures[what];
}

test("whatever the disk does: acknowledged and kept records are in the chain once, refused ones are counted", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const [files, ports] = [memoryFiles(), createTestPorts()];
      const sink = jsonlSink({
        directory: "audit",
        files,
        ports,
        maxSegmentBytes: 2_000,
        maxBufferedChars: 2_000,
      });
      const fate = new Map<string, "written" | "refused" | "kept">();
      const waiting: Promise<void>[] = [];
      const append = (subject: string, mode: "durable" | "buffered"): void => {
        const written = sink.append(controlRecord(subject), mode);
        if (written === undefined) return void fate.set(subject, "kept");
        waiting.push(
          written.then(
            () => void fate.set(subject, "written"),
            () => void fate.set(subject, "refused"),
          ),
        );
      };
      for (const [number, step] of plan.entries()) {
        disturb(step, files);
        if (step.kind === "durable" || step.kind === "buffered") append(`s${number}`, step.kind);
        if (step.kind === "burst")
          for (let one = 0; one < step.count; one++) append(`s${number}.${one}`, "durable");
        // oxlint-disable-next-line no-await-in-loop -- time passes between the steps
        if (step.kind === "wait") await ports.clock.advanceAsync(1_000);
      }
      heal(files);
      await Promise.all(waiting);
      await sink.close();

      const names = files.list("").filter((name) => name.endsWith(".jsonl"));
      const lines = names.toSorted().flatMap((name) => files.text(name).split("\n").slice(0, -1));
      expect(verifyLines(lines, hash, { end: sink.end })).toMatchObject({ ok: true });
      const found = lines.map((line): ControlRecord => JSON.parse(readStoredLine(line)?.recordText ?? ""));
      const subjects = found.map(({ subject }) => subject).filter((subject) => subject !== "audit");
      const expected = [...fate].filter(([, end]) => end !== "refused").map(([subject]) => subject);
      expect(subjects.toSorted()).toStrictEqual(expected.toSorted());
      const gaps = found
        .filter(({ action }) => action === "audit_gap")
        .map(({ data }) => Number(data?.["records"]));
      expect(gaps.reduce((sum, count) => sum + count, 0)).toBe(fate.size - expected.length);
    }),
    { numRuns: 150 },
  );
});
