/* oxlint-disable no-await-in-loop -- one process after the other */
// Run as a process of its own, whose disk can die.
import { dyingDisk, type Death, type Step } from "./dying-disk.ts";

import fs from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";

import { nodeFileSystem } from "../../../src/node/audit-file-system.ts";
import { jsonlSink, type JsonlSink } from "../../../src/node/jsonl-sink.ts";
import type { Processes } from "../../../src/node/processes.ts";
import { generateAuditKeys } from "../../../src/node/signed-note.ts";
import { verifyDirectory } from "../../../src/node/verify-directory.ts";
import { createTestPorts } from "../../../src/testing/create-test-ports.ts";
import { controlRecord } from "../../audit/records.ts";

const [, , root = ""] = process.argv;
const { privateKey: key, publicKey } = generateAuditKeys("audit.example/deaths");
const SEGMENT = { maxSegmentBytes: 700, retention: { maxBytes: 1_000 } };

let plays = 0;
let lives = 0;
/** Another process, before which all others have died. */
function processOf(life: number): Processes {
  const self = { pid: life, host: "host", startMark: String(life), scope: "scope" };
  return { self, isAlive: ({ pid }) => pid === life };
}

function openSink(directory: string, life = ++lives): JsonlSink {
  return jsonlSink({
    directory,
    files: { ...nodeFileSystem },
    processes: processOf(life),
    ports: createTestPorts(),
    key,
    gzip: true,
    ...SEGMENT,
  });
}

interface Written {
  readonly durable: string[];
}

/** Writes, rotates, seals, compresses and removes; ends when the disk does. */
async function live(directory: string, name: string, count: number, written: Written): Promise<void> {
  let sink: JsonlSink | undefined;
  let other: JsonlSink | undefined;
  const append = async (to: JsonlSink, subject: string): Promise<void> => {
    await to.append(controlRecord(subject), "durable");
    written.durable.push(subject);
  };
  try {
    const life = ++lives;
    sink = openSink(directory, life);
    for (let index = 0; index < count && !dyingDisk.isDead; index++) {
      if (index === 2) {
        other = openSink(directory, life);
        await append(other, `${name}:other`);
      }
      void sink.append(controlRecord(`${name}:buffered-${index}`), "buffered");
      await append(sink, `${name}:${index}`);
      if (index % 4 === 3) await sink.checkpoint();
    }
  } catch {
    // Died.
  }
  // What was begun comes to its end, on a disk that nothing reaches.
  await other?.close().catch(() => undefined);
  await sink?.close().catch(() => undefined);
}

const SEGMENT_NAME = /^audit(\.\d+)?-\d+\.jsonl(\.gz)?$/;
/** Of locks and the trail's id, a few bytes: whoever needs the lock takes it over; only who makes one knows the others. */
const SMALL_NAME = /^audit(\.\d+)?\.(lock|(lock|lock\.claim|trail)\.[0-9a-f-]+\.tmp)$/;
const KEPT_NAME = /^audit(\.\d+)?-\d+\.(jsonl|jsonl\.gz|checkpoint|jsonl\.torn-\d+)$|^audit\.trail$/;

function linesOf(directory: string): readonly string[] {
  const names = fs.readdirSync(directory).filter((name) => SEGMENT_NAME.test(name));
  return names.toSorted().flatMap((name) => {
    // While it is compressed both are there.
    if (name.endsWith(".gz") && names.includes(name.slice(0, -3))) return [];
    const bytes = fs.readFileSync(path.join(directory, name));
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").split("\n").slice(0, -1);
  });
}

const subjectOf = (line: string): string => /"subject":"([^"]*)"/.exec(line)?.[1] ?? "";
const actionsOf = (lines: readonly string[], action: string): readonly string[] =>
  lines.filter((line) => line.includes(`"action":"${action}"`));

/** Opens what a process has left, goes on, closes; answers what is wrong then. */
async function inspect(directory: string, written: Written): Promise<readonly string[]> {
  const wrong: string[] = [];
  dyingDisk.begin({ directory, step: undefined, isByHalf: false });
  if (!fs.existsSync(directory)) return [];
  const before = await verifyDirectory(directory, { keys: [publicKey] });
  if (!before.ok && before.firstBad?.problem !== "truncated")
    wrong.push(`before: ${JSON.stringify(before.firstBad)}`);
  const tornBefore = torn(directory);
  const sink = openSink(directory);
  await sink.append(controlRecord("after"), "durable");
  await sink.close();
  const report = await verifyDirectory(directory, { keys: [publicKey], ends: [sink.end] });
  if (!report.ok || report.unsealedTail !== 0) wrong.push(`after: ${JSON.stringify(report)}`);
  const lines = linesOf(directory);
  const subjects = lines.map(subjectOf);
  const missing = written.durable.filter((subject) => !subjects.includes(subject));
  // Retention removes the oldest lines, few in a segment, of the one writer that has ended any.
  const oldest = written.durable.filter((subject) => !subject.endsWith("other")).slice(0, missing.length);
  if (missing.join() !== oldest.join() || missing.length > 3 * report.prunedSegments)
    wrong.push(`missing: ${missing.join()}`);
  for (const subject of written.durable)
    if (subjects.filter((found) => found === subject).length > 1) wrong.push(`twice: ${subject}`);
  const names = fs.readdirSync(directory);
  const odd = names.filter((name) => !KEPT_NAME.test(name) && !SMALL_NAME.test(name));
  if (odd.length > 0) wrong.push(`left: ${odd.join()}`);
  const kept = names.filter((name) => name.includes(".torn-"));
  for (const name of kept)
    if (!actionsOf(lines, "audit_repaired").some((line) => line.includes(`"keptIn":"${name}"`)))
      wrong.push(`not reported: ${name}`);
  if (tornBefore > kept.length) wrong.push("a torn line was not kept");
  return wrong;
}

/** How many segments end in half a line. */
function torn(directory: string): number {
  const segments = fs.readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  return segments.filter((name) => {
    const bytes = fs.readFileSync(path.join(directory, name));
    return bytes.length > 0 && bytes.at(-1) !== 10;
  }).length;
}

function tell(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Dies at every step of one life, before it and, where it writes, amid it. */
async function playLife(): Promise<void> {
  for (const step of await dieAt("life", undefined, { isByHalf: false })) {
    await dieAt("life", step, { isByHalf: false });
    await dieAt("life", step, { isByHalf: false, isOfPower: true });
    if (step.name.startsWith("write")) await dieAt("life", step, { isByHalf: true });
  }
}

/** @returns The steps until then. */
async function dieAt(
  play: "life" | "repair",
  step: Step | undefined,
  how: Pick<Death, "isByHalf" | "isOfPower">,
): Promise<readonly Step[]> {
  const directory = path.join(root, String(++plays));
  const written: Written = { durable: [] };
  if (play === "repair") await leave(directory, written);
  dyingDisk.begin({ directory, step, ...how });
  await live(directory, play, play === "repair" ? 1 : 5, written);
  const { steps, isDead } = dyingDisk;
  const wrong = [...(await inspect(directory, written))];
  if (play === "repair") wrong.push(...lackedHalves(directory));
  const when = how.isOfPower === true ? "without power before" : how.isByHalf ? "amid" : "before";
  tell({ play, step: isDead ? `${when} ${step?.name}` : "none", wrong });
  fs.rmSync(directory, { recursive: true, force: true });
  return steps;
}

const HALVED = ["audit-000001.jsonl", "audit.2-000001.jsonl"];

/** What two writers leave that are killed: lines without a checkpoint, and half a line each. */
async function leave(directory: string, written: Written): Promise<void> {
  dyingDisk.begin({ directory, step: undefined, isByHalf: false });
  const life = ++lives;
  const sinks = [openSink(directory, life), openSink(directory, life)];
  for (const [number, sink] of sinks.entries()) {
    const subject = `left:${number}`;
    await sink.append(controlRecord(subject), "durable");
    written.durable.push(subject);
  }
  dyingDisk.kill();
  for (const sink of sinks) await sink.close().catch(() => undefined);
  dyingDisk.begin({ directory, step: undefined, isByHalf: false });
  for (const name of HALVED) fs.appendFileSync(path.join(directory, name), `{"hash":"torn of ${name}`);
}

function lackedHalves(directory: string): readonly string[] {
  const kept = fs.readdirSync(directory).filter((name) => name.includes(".torn-"));
  const lacked = HALVED.filter((segment) => !kept.some((name) => name.startsWith(segment)));
  return lacked.map((segment) => `lost: half a line of ${segment}`);
}

/** Dies at every step of the life that goes on with that. */
async function playRepair(): Promise<void> {
  const how = { isByHalf: false };
  for (const step of await dieAt("repair", undefined, how)) {
    await dieAt("repair", step, how);
    await dieAt("repair", step, { ...how, isOfPower: true });
  }
}

await playLife();
await playRepair();
