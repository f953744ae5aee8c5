import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { nodeFileSystem } from "../../src/node/audit-file-system.ts";
import { jsonlSink, type JsonlSink } from "../../src/node/jsonl-sink.ts";
import { nodeProcesses, type Processes } from "../../src/node/processes.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { createFakeClock } from "../../src/testing/fake-clock.ts";
import { createLatch } from "../../src/testing/scenarios/script-parts.ts";
import { controlRecord } from "../audit/records.ts";
import { canContain, startWriter, subjectsOf } from "./start-writer.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

async function write(sink: JsonlSink, ...subjects: readonly string[]): Promise<void> {
  await Promise.all(subjects.map(async (subject) => sink.append(controlRecord(subject), "durable")));
}

test("each writer of a directory has a chain of its own, and goes on with it after a restart", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [jsonlSink({ directory }), jsonlSink({ directory })];
  await Promise.all([write(first, "a", "b"), write(second, "c")]);
  expect([first.end, second.end]).toMatchObject([
    { writer: 1, seq: 2 },
    { writer: 2, seq: 1 },
  ]);
  await second.close();
  await first.close();
  const again = jsonlSink({ directory });
  await write(again, "d");
  await again.close();
  expect(again.end).toMatchObject({ writer: 1, seq: 3 });
  const report = await verifyDirectory(directory, { ends: [again.end, second.end] });
  expect(report).toMatchObject({ ok: true, lines: 4, sealed: 4, ends: [{ writer: 1 }, { writer: 2 }] });
});

test("a writer whose trail is gone is missed by the checkpoint of another", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [jsonlSink({ directory }), jsonlSink({ directory })];
  await write(second, "c");
  await second.close();
  await write(first, "a");
  await first.close();
  rmSync(path.join(directory, "audit.2-000001.jsonl"));
  rmSync(path.join(directory, "audit.2-000001.checkpoint"));
  expect(await verifyDirectory(directory)).toMatchObject({
    ok: false,
    firstBad: { segment: "audit.2-000001.jsonl", problem: "truncated" },
  });
});

test("two processes write one directory; what they left when they were killed is repaired and sealed by the next", async () => {
  const directory = temporaryDirectory();
  const writers = await Promise.all([startWriter(directory, "a"), startWriter(directory, "b")]);
  const acknowledged = (await Promise.all(writers.map(async (writer) => writer.kill()))).flat();
  expect(acknowledged.length).toBeGreaterThan(180);
  appendFileSync(path.join(directory, "audit.2-000001.jsonl"), '{"hash":"torn');
  expect(await verifyDirectory(directory)).toMatchObject({ ok: false, firstBad: { problem: "truncated" } });

  const next = jsonlSink({ directory });
  await write(next, "after the crash");
  await next.close();
  const report = await verifyDirectory(directory, { ends: [next.end] });
  expect(report).toMatchObject({ ok: true, unsealedTail: 0, ends: [{ writer: 1 }, { writer: 2 }] });
  const segments = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  const text = segments.map((name) => readFileSync(path.join(directory, name), "utf8")).join("");
  const subjects = subjectsOf(text);
  expect(acknowledged.filter((subject) => !subjects.has(subject))).toStrictEqual([]);
  // The tear of the second is reported by the first, which goes on.
  const repaired = text.split("\n").filter((line) => line.includes('"action":"audit_repaired"'));
  expect(repaired.some((line) => line.includes("audit.2-000001.jsonl"))).toBe(true);
  expect(readFileSync(path.join(directory, "audit.2-000001.jsonl.torn-1"), "utf8")).toContain("torn");
  expect(readdirSync(directory).filter((name) => name.endsWith(".lock"))).toStrictEqual([]);
});

test("a start that is closed at once has recorded the repair of every writer", async () => {
  const directory = temporaryDirectory();
  const sinks = Array.from({ length: 12 }, () => jsonlSink({ directory }));
  await Promise.all(sinks.map(async (sink, index) => write(sink, `s${index}`)));
  await Promise.all(sinks.map(async (sink) => sink.close()));
  // As crashed writers leave it: a torn line, and no checkpoint.
  const others = Array.from({ length: 11 }, (_, index) => `audit.${index + 2}-000001`);
  for (const name of others) {
    appendFileSync(path.join(directory, `${name}.jsonl`), "{torn");
    rmSync(path.join(directory, `${name}.checkpoint`));
  }
  await jsonlSink({ directory }).close();
  const text = readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8");
  for (const action of ["audit_repaired", "audit_resumed"]) {
    const told = text.split("\n").filter((line) => line.includes(`"action":"${action}"`));
    expect(others.filter((name) => !told.join("").includes(`"subject":"${name}.jsonl"`))).toStrictEqual([]);
  }
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 34, sealed: 34 });
});

/** A process that those of this machine cannot see. */
const elsewhere: Processes = {
  self: { pid: 1, host: nodeProcesses.self.host, startMark: "1", scope: "theirs" },
  isAlive: () => undefined,
};

/** Lets a lock look as if it had not been renewed for so long. */
function age(lock: string, ms: number): void {
  const before = new Date(Date.now() - ms);
  utimesSync(lock, before, before);
}

test("what a process of another container has left is sealed when its lock is no more renewed", async () => {
  const [there, directory] = [temporaryDirectory(), temporaryDirectory()];
  const crashed = jsonlSink({ directory: there, processes: elsewhere });
  await write(crashed, "a", "b");
  cpSync(there, directory, { recursive: true });
  await crashed.close();

  const clock = createFakeClock({ startMs: Date.now() });
  const sink = jsonlSink({ directory, ports: { clock, timers: clock } });
  await write(sink, "c");
  expect(sink.end.writer).toBe(2);
  await clock.advanceAsync(30_000);
  expect(readdirSync(directory)).toContain("audit.lock");
  age(path.join(directory, "audit.lock"), 31_000);
  await clock.advanceAsync(30_000);
  await sink.close();
  expect(readdirSync(directory).filter((name) => name.endsWith(".lock"))).toStrictEqual([]);
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 4, unsealedTail: 0 });
});

test("a process that stood still writes nothing once another has taken its place", async () => {
  const directory = temporaryDirectory();
  const clock = createFakeClock({ startMs: Date.now() });
  const first = jsonlSink({ directory, processes: elsewhere, ports: { clock, timers: clock } });
  await write(first, "a");
  age(path.join(directory, "audit.lock"), 31_000);
  const second = jsonlSink({ directory, files: { ...nodeFileSystem } });
  await write(second, "b");
  expect(second.end.writer).toBe(1);
  clock.jumpWall(31_000);
  await expect(write(first, "too late")).rejects.toMatchObject({ code: "audit_failed" });
  await expect(first.close()).rejects.toMatchObject({ code: "audit_failed" });
  await second.close();
  expect(await verifyDirectory(directory, { ends: [second.end] })).toMatchObject({ ok: true, lines: 3 });
  expect(readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8")).not.toContain("too late");
});

test("what a process was writing when it stood still reaches nobody's segment, and is not called durable", async () => {
  const directory = temporaryDirectory();
  const clock = createFakeClock({ startMs: Date.now() });
  const [asleep, awake] = [createLatch(), createLatch()];
  let isSleepy = false;
  const openSegment = (name: string) => {
    const file = nodeFileSystem.openSegment(name);
    return {
      ...file,
      async append(bytes: Uint8Array) {
        if (isSleepy) {
          asleep.open();
          await awake.opened;
        }
        return file.append(bytes);
      },
    };
  };
  const files = { ...nodeFileSystem, openSegment };
  const first = jsonlSink({ directory, files, processes: elsewhere, ports: { clock, timers: clock } });
  await write(first, "a");
  isSleepy = true;
  const late = write(first, "too late");
  late.catch(() => undefined);
  await asleep.opened;
  age(path.join(directory, "audit.lock"), 31_000);
  const second = jsonlSink({ directory, files: { ...nodeFileSystem } });
  await write(second, "b");
  clock.jumpWall(31_000);
  awake.open();
  await expect(late).rejects.toMatchObject({ code: "audit_failed" });
  await write(second, "c");
  await expect(first.close()).rejects.toMatchObject({ code: "audit_failed" });
  await second.close();
  expect(second.end.writer).toBe(1);
  expect(await verifyDirectory(directory, { ends: [second.end] })).toMatchObject({ ok: true, lines: 4 });
  expect(readFileSync(path.join(directory, "audit-000001.jsonl"), "utf8")).not.toContain("too late");
});

test.runIf(canContain())(
  "two containers with one host name, each with a process 1, are two writers of a shared directory",
  async () => {
    const directory = temporaryDirectory();
    const options = { isContained: true };
    // One after the other: the second finds the lock of the first, whose id and host are its own.
    const first = await startWriter(directory, "a", options);
    const second = await startWriter(directory, "b", options);
    const acknowledged = [...(await first.kill()), ...(await second.kill())];
    const segments = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
    expect(segments).toStrictEqual(["audit-000001.jsonl", "audit.2-000001.jsonl"]);
    for (const [index, name] of segments.entries()) {
      const subjects = subjectsOf(readFileSync(path.join(directory, name), "utf8"));
      const own = acknowledged.filter((subject) => subject.startsWith("ab"[index] ?? ""));
      expect(own.filter((subject) => !subjects.has(subject))).toStrictEqual([]);
    }
    // Both are gone, and nobody can see that yet.
    const next = jsonlSink({ directory });
    await next.close();
    expect(next.end.writer).toBe(3);
    for (const name of ["audit.lock", "audit.2.lock"]) age(path.join(directory, name), 31_000);
    const last = jsonlSink({ directory });
    await last.close();
    expect(last.end.writer).toBe(1);
    expect(await verifyDirectory(directory)).toMatchObject({ ok: true, unsealedTail: 0 });
  },
);
