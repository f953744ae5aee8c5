import { expect, onTestFinished, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { readStoredLine } from "../../src/audit/chain.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { AgentplaneError, ConfigError } from "../../src/base/errors.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { controlRecord, decisionRecord, hash } from "../audit/records.ts";
import { memoryFiles, systemError, type MemoryFiles } from "./memory-files.ts";

function open(files: MemoryFiles = memoryFiles(), options: Partial<JsonlSinkOptions> = {}) {
  const ports = createTestPorts();
  const sink = jsonlSink({ directory: "audit-of-test", files, ports, ...options });
  // A sink whose disk is full at the end cannot be flushed, and need not be.
  onTestFinished(() => sink.close().catch(() => undefined));
  return { sink, files, ports, ...ports };
}

function linesOf(files: MemoryFiles): readonly string[] {
  const names = files.list("").filter((name) => name.endsWith(".jsonl"));
  return names.toSorted().flatMap((name) => files.text(name).split("\n").slice(0, -1));
}

function recordsOf(files: MemoryFiles): readonly AuditRecord[] {
  return linesOf(files).map((line) => JSON.parse(readStoredLine(line)?.recordText ?? "") as AuditRecord);
}

/** Everything that can settle has settled then. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const subjectsOf = (files: MemoryFiles) =>
  recordsOf(files).map((record) => (record.kind === "control" ? record.subject : record.kind));

test("writes a durable record before it answers", async () => {
  const { sink, files } = open();
  const written = sink.append(decisionRecord(), "durable");
  expect(linesOf(files)).toStrictEqual([]);
  await written;
  files.crash();
  expect(recordsOf(files)).toStrictEqual([JSON.parse(JSON.stringify(decisionRecord()))]);
});

const durable = (sink: ReturnType<typeof open>["sink"], count: number) =>
  Array.from({ length: count }, async (_, index) => sink.append(controlRecord(`s${index}`), "durable"));

test("commits records that come together with one write and one sync, in the order they came", async () => {
  const { sink, files } = open();
  const all = durable(sink, 60);
  await Promise.all(all);
  expect(files.counts).toStrictEqual({ append: 1, sync: 1 });
  expect(subjectsOf(files)).toStrictEqual(all.map((_, index) => `s${index}`));
});

test("lets a quick disk begin while more come, and a slow one wait for all of them", async () => {
  const { sink, files, clock } = open();
  await sink.append(controlRecord("first"), "durable");
  Object.assign(files.counts, { append: 0, sync: 0 });
  const all = durable(sink, 256);
  expect(files.counts.append).toBe(1);
  await Promise.all(all);
  expect(files.counts).toStrictEqual({ append: 2, sync: 2 });
  expect(subjectsOf(files)).toStrictEqual(["first", ...all.map((_, index) => `s${index}`)]);
  expect(verifyLines(linesOf(files), hash, { end: sink.end })).toMatchObject({ ok: true, lines: 257 });
  files.onAppend = () => clock.advance(5);
  await sink.append(controlRecord("slow"), "durable");
  files.counts.append = 0;
  await Promise.all(durable(sink, 256));
  expect(files.counts.append).toBe(1);
});

test("answers a buffered record at once and writes it when its time is up, without a sync", async () => {
  const { sink, files, clock } = open();
  expect(sink.append(controlRecord("a"), "buffered")).toBeUndefined();
  await clock.advanceAsync(99);
  expect(linesOf(files)).toStrictEqual([]);
  await clock.advanceAsync(1);
  await clock.advanceAsync(0);
  expect(subjectsOf(files)).toStrictEqual(["a"]);
  expect(files.counts.sync).toBe(0);
});

test("a flush puts buffered records on the disk, and close does the same", async () => {
  const { sink, files } = open();
  void sink.append(controlRecord("a"), "buffered");
  await sink.flush();
  void sink.append(controlRecord("b"), "buffered");
  await sink.close();
  files.crash();
  expect(subjectsOf(files)).toStrictEqual(["a", "b"]);
});

test("with fsync off a durable record waits for the system only", async () => {
  const { sink, files } = open(memoryFiles(), { fsync: false });
  await sink.append(controlRecord("a"), "durable");
  expect(subjectsOf(files)).toStrictEqual(["a"]);
  expect(files.counts.sync).toBe(0);
});

test("one chain goes on through segments and restarts", async () => {
  const files = memoryFiles();
  for (const round of [0, 1, 2]) {
    const { sink } = open(files, { maxSegmentBytes: 1_500 });
    for (const index of [0, 1, 2, 3]) {
      // Each its own group, so that each may begin a segment.
      // oxlint-disable-next-line no-await-in-loop
      await sink.append(controlRecord(`${round}-${index}`), "durable");
    }
    // oxlint-disable-next-line no-await-in-loop
    await sink.close();
  }
  const names = files.list("").filter((name) => name.endsWith(".jsonl"));
  expect(names.toSorted().slice(0, 2)).toStrictEqual(["audit-000001.jsonl", "audit-000002.jsonl"]);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect(files.text(name).length).toBeLessThanOrEqual(1_500);
  const [last, first] = [
    files.text("audit-000001.jsonl").trimEnd().split("\n").at(-1),
    files.text("audit-000002.jsonl"),
  ];
  expect(readStoredLine(first.split("\n")[0] ?? "")?.prev).toBe(readStoredLine(last ?? "")?.hash);
  expect(verifyLines(linesOf(files), hash)).toMatchObject({ ok: true, lines: 12 });
});

test("finds the end of the trail behind a last line larger than one look", async () => {
  const files = memoryFiles();
  const { sink } = open(files);
  await sink.append(controlRecord("small"), "durable");
  await sink.append({ ...controlRecord("large"), reason: "x".repeat(700_000) }, "durable");
  await sink.close();
  const again = open(files).sink;
  await again.append(controlRecord("next"), "durable");
  expect(verifyLines(linesOf(files), hash)).toMatchObject({ ok: true, lines: 3 });
});

test("goes on from the segment before when the newest is empty", async () => {
  const files = memoryFiles();
  const before = open(files).sink;
  await before.append(controlRecord("a"), "durable");
  await before.checkpoint();
  // As after a crash: the lock and an empty segment are left.
  files.put("audit-000002.jsonl", "");
  files.remove("audit.lock");
  const { sink } = open(files, { directory: "audit-again" });
  await sink.append(controlRecord("b"), "durable");
  expect(files.text("audit-000002.jsonl")).toContain('"seq":1}');
});

test("sets aside a line that a crash tore, and reports it in the trail", async () => {
  const files = memoryFiles();
  const before = open(files).sink;
  await before.append(controlRecord("kept"), "durable");
  await before.close();
  files.put("audit-000001.jsonl", `${files.text("audit-000001.jsonl")}{"hash":"12`);

  const { sink } = open(files);
  await sink.append(controlRecord("next"), "durable");
  expect(subjectsOf(files)).toStrictEqual(["kept", "audit-000001.jsonl", "next"]);
  const data = { segment: "audit-000001.jsonl", bytes: 11, keptIn: "audit-000001.jsonl.torn-1" };
  expect(recordsOf(files)[1]).toMatchObject({ kind: "control", action: "audit_repaired", data });
  expect(files.text("audit-000001.jsonl.torn-1")).toBe('{"hash":"12');
  expect(verifyLines(linesOf(files), hash)).toMatchObject({ ok: true, lines: 3 });
});

test("a crash during a group commit loses no acknowledged record, wherever the write was torn", async () => {
  const files = memoryFiles();
  const { sink } = open(files);
  await sink.append(controlRecord("acknowledged"), "durable");
  await sink.close();
  const good = files.text("audit-000001.jsonl");
  const unfinished = good.replace('"seq":0', '"seq":1');
  for (let cut = 0; cut < unfinished.length; cut += 17) {
    const crashed = memoryFiles();
    crashed.put("audit-000001.jsonl", good + unfinished.slice(0, cut));
    const again = open(crashed).sink;
    // oxlint-disable-next-line no-await-in-loop
    await again.close();
    const report = verifyLines(linesOf(crashed), hash);
    // Only the line is there, and no checkpoint of it: that is told, and the tear as well.
    expect(report).toMatchObject({ ok: true, lines: cut === 0 ? 2 : 3 });
    expect(subjectsOf(crashed)[0]).toBe("acknowledged");
  }
});

test("does not go on behind a last line that was edited", async () => {
  const files = memoryFiles();
  const { sink } = open(files);
  await sink.append(controlRecord("a"), "durable");
  await sink.close();
  files.put("audit-000001.jsonl", files.text("audit-000001.jsonl").replace("ada", "eve"));
  expect(() => open(files)).toThrow(expect.objectContaining({ code: "audit_corrupt" }));
  // The lock was given back: after the file was moved away a new trail starts.
  files.remove("audit-000001.jsonl");
  await open(files).sink.append(controlRecord("b"), "durable");
});

test("disk full: a durable record is refused, and nothing of it stays in the file", async () => {
  const { sink, files, logger } = open();
  await sink.append(controlRecord("a"), "durable");
  const before = files.text("audit-000001.jsonl");
  files.room = 100;
  const refused = sink.append(controlRecord("b"), "durable");
  await expect(refused).rejects.toThrow(AgentplaneError);
  await expect(refused).rejects.toMatchObject({ code: "audit_failed", data: { code: "ENOSPC" } });
  expect(files.text("audit-000001.jsonl")).toBe(before);
  expect(logger.messages("error")).toHaveLength(1);
});

test("disk full: buffered records are kept, refused ones counted, and a gap record follows when space returns", async () => {
  const { sink, files, clock, logger } = open();
  await sink.append(controlRecord("a"), "durable");
  files.room = 0;
  void sink.append(controlRecord("kept"), "buffered");
  for (const subject of ["lost-1", "lost-2"]) {
    // oxlint-disable-next-line no-await-in-loop
    await expect(sink.append(controlRecord(subject), "durable")).rejects.toMatchObject({
      code: "audit_failed",
    });
  }
  void sink.append(controlRecord("kept-too"), "buffered");
  expect(logger.messages("error")).toHaveLength(1);

  files.room = 1_000_000;
  await clock.advanceAsync(1_000);
  await clock.advanceAsync(0);
  expect(subjectsOf(files)).toStrictEqual(["a", "kept", "kept-too", "audit"]);
  expect(recordsOf(files).at(-1)).toMatchObject({
    action: "audit_gap",
    data: { records: 2, cause: "ENOSPC" },
  });
  expect(logger.messages("warn")).toHaveLength(1);
  await sink.append(controlRecord("after"), "durable");
  expect(subjectsOf(files).at(-1)).toBe("after");
  expect(verifyLines(linesOf(files), hash, { end: sink.end })).toMatchObject({ ok: true, lines: 5 });
});

test("disk full with a full memory: buffered records are refused too, and counted", async () => {
  const { sink, files } = open(memoryFiles(), { maxBufferedChars: 400 });
  files.room = 0;
  void sink.append(controlRecord("kept-1"), "buffered");
  void sink.append(controlRecord("kept-2"), "buffered");
  await expect(sink.append(controlRecord("refused"), "buffered")).rejects.toMatchObject({
    code: "audit_failed",
  });
  files.room = 1_000_000;
  await sink.flush();
  expect(subjectsOf(files)).toStrictEqual(["kept-1", "kept-2", "audit"]);
  expect(recordsOf(files).at(-1)).toMatchObject({ data: { records: 1 } });
});

test("a disk that hangs: no more is taken than memory may hold, and what was refused is counted", async () => {
  const files = memoryFiles();
  const opened = files.openSegment;
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => (wake = resolve));
  files.openSegment = (file) => {
    const segment = opened(file);
    return { ...segment, append: async (bytes) => awake.then(() => segment.append(bytes)) };
  };
  const { sink, logger } = open(files, { maxWaitingChars: 1_000 });
  const first = sink.append(controlRecord("a"), "durable");
  await turn();
  const refused: unknown[] = [];
  const waiting = Array.from({ length: 100 }, async (_, index) =>
    sink.append(controlRecord(`s${index}`), index % 2 === 0 ? "durable" : "buffered"),
  ).map((done) => done.catch((error: unknown) => refused.push(error)));
  await turn();
  expect(refused.length).toBeGreaterThan(90);
  expect(refused).toStrictEqual(refused.map(() => expect.objectContaining({ code: "audit_failed" })));
  expect(logger.messages("error")).toHaveLength(1);
  wake();
  await Promise.all([first, ...waiting]);
  await sink.close();
  expect(subjectsOf(files).filter((subject) => subject !== "audit")).toHaveLength(101 - refused.length);
  expect(recordsOf(files).at(-1)).toMatchObject({ data: { records: refused.length } });
  expect(verifyLines(linesOf(files), hash, { end: sink.end })).toMatchObject({ ok: true });
});

test("records that arrive while a group is lost are chained to what is really there", async () => {
  const { sink, files } = open();
  await sink.append(controlRecord("a"), "durable");
  files.failures.sync = systemError("EIO");
  const lost = sink.append(controlRecord("lost"), "durable");
  await expect(lost).rejects.toMatchObject({ data: { code: "EIO" } });
  const next = sink.append(controlRecord("next"), "durable");
  delete files.failures.sync;
  await next;
  expect(subjectsOf(files)).toStrictEqual(["a", "next", "audit"]);
  expect(verifyLines(linesOf(files), hash, { end: sink.end })).toMatchObject({ ok: true });
});

test.each(["a durable record", "a flush", "a checkpoint"] as const)(
  "what a sync that failed was to cover is on the disk before %s is called so, though the next sync succeeds",
  async (what) => {
    const { sink, files, clock } = open();
    await sink.append(controlRecord("a"), "durable");
    void sink.append(controlRecord("b"), "buffered");
    await clock.advanceAsync(100);
    await clock.advanceAsync(0);
    files.failures.sync = systemError("EIO");
    await expect(sink.append(controlRecord("lost"), "durable")).rejects.toMatchObject({
      data: { code: "EIO" },
    });
    delete files.failures.sync;
    if (what === "a durable record") await sink.append(controlRecord("c"), "durable");
    else if (what === "a flush") await sink.flush();
    else await sink.checkpoint();
    files.crash();
    expect(subjectsOf(files).slice(0, 2)).toStrictEqual(["a", "b"]);
    expect(verifyLines(linesOf(files), hash, { end: sink.end })).toMatchObject({ ok: true });
  },
);

test("lines that the disk has lost are not written over: every record is refused", async () => {
  const { sink, files, clock } = open();
  await sink.append(controlRecord("a"), "durable");
  void sink.append(controlRecord("b"), "buffered");
  await clock.advanceAsync(100);
  await clock.advanceAsync(0);
  files.failures.sync = systemError("EIO");
  // What the system no longer holds in memory is read from the disk.
  files.read = (file) => new Uint8Array(files.size(file));
  await expect(sink.append(controlRecord("lost"), "durable")).rejects.toThrow(AgentplaneError);
  delete files.failures.sync;
  for (const subject of ["c", "d"])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await expect(sink.append(controlRecord(subject), "durable")).rejects.toMatchObject({
      cause: { message: expect.stringContaining("the disk has lost lines") },
    });
});

test("a rest that could not be cut off at once is cut off before the next write", async () => {
  const { sink, files } = open();
  files.room = 50;
  files.failures.truncate = systemError("EIO");
  await expect(sink.append(controlRecord("lost"), "durable")).rejects.toMatchObject({ code: "audit_failed" });
  expect(files.text("audit-000001.jsonl")).toHaveLength(50);
  delete files.failures.truncate;
  files.room = 1_000_000;
  await sink.append(controlRecord("next"), "durable");
  expect(subjectsOf(files)).toStrictEqual(["next", "audit"]);
});

test("closing with a full disk rejects, gives the directory back and stops trying", async () => {
  const { sink, files, clock } = open();
  files.room = 0;
  void sink.append(controlRecord("a"), "buffered");
  await expect(sink.close()).rejects.toMatchObject({ code: "audit_failed" });
  expect(clock.pending).toBe(0);
  expect(() => sink.append(controlRecord("b"), "buffered")).toThrow(/is closed/);
  open(files);
});

test("a record that is not JSON is refused and does not disturb the others", async () => {
  const { sink, files } = open();
  const wrong = { ...controlRecord("a"), data: { limit: Number.NaN } };
  expect(() => sink.append(wrong, "durable")).toThrow(expect.objectContaining({ code: "content_refused" }));
  await sink.append(controlRecord("b"), "durable");
  expect(subjectsOf(files)).toStrictEqual(["b"]);
});

test("a directory that cannot be used is named where the sink is created", () => {
  const files = {
    ...memoryFiles(),
    openSegment: () => {
      throw systemError("EACCES");
    },
  };
  expect(() => jsonlSink({ directory: "audit-locked-up", files })).toThrow(
    /audit directory audit-locked-up cannot be used: EACCES/,
  );
});

test.for(["maxSegmentBytes", "bufferMs", "retryMs", "maxBufferedChars"] as const)(
  "refuses %s of 0",
  (name) => {
    expect(() => open(memoryFiles(), { [name]: 0 })).toThrow(ConfigError);
  },
);
