import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { checkpointText, readCheckpointText, type Checkpoint } from "../../src/node/checkpoint.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { createNoteSigner, generateAuditKeys, openNote } from "../../src/node/signed-note.ts";
import { verifyDirectory, type WriterEnd } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const LINES = 10_000;
const MUTATIONS = 10_000;
const LINES_PER_SEGMENT = 25;
/** Lines at the end that no checkpoint covers. */
const TAIL = 30;

const keys = generateAuditKeys("audit.example/mutations");
const signer = createNoteSigner(keys.privateKey);
const random = createRandom(20_261_128);

/** The same numbers in every run: a linear congruential generator modulo 2^32 (Numerical Recipes), its upper bits. */
function createRandom(seed: number): { below(bound: number): number } {
  let state = seed;
  return {
    below(bound) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * Math.max(bound, 1));
    },
  };
}

interface Segment {
  readonly name: string;
  readonly lines: readonly string[];
  readonly note: string;
}

/** Every segment of the trail as it was when it was sealed. */
const segments: Segment[] = [];
let end: WriterEnd;
const folders: string[] = [];

/** A trail of so many lines, and each segment of it in a folder of its own. */
async function writeTrail(): Promise<void> {
  const directory = path.join(temporaryDirectory(), "audit");
  const read = (name: string): readonly string[] =>
    readFileSync(path.join(directory, name), "utf8").split("\n").slice(0, -1);
  const keep = (record: AuditRecord): void => {
    if (record.kind !== "control" || typeof record.data?.["note"] !== "string") return;
    if (segments.at(-1)?.name === record.subject) segments.pop();
    segments.push({ name: record.subject, lines: read(record.subject), note: record.data["note"] });
  };
  const sink = jsonlSink({
    directory,
    key: keys.privateKey,
    fsync: false,
    // Any second group begins a new segment.
    maxSegmentBytes: 10,
    publishTo: { append: keep },
  });
  for (let line = 1; line <= LINES; line++) {
    void sink.append(controlRecord(`s${line}`), "buffered");
    // oxlint-disable-next-line no-await-in-loop -- one segment after the other
    if (line % LINES_PER_SEGMENT === 0) await sink.flush();
  }
  await sink.close();
  // The tail goes to the sealed segment, as with segments of ordinary length.
  const last = segments.at(-1)!;
  const continued = jsonlSink({ directory, key: keys.privateKey, fsync: false });
  for (let line = 1; line <= TAIL; line++) void continued.append(controlRecord(`tail${line}`), "buffered");
  await continued.flush();
  ({ end } = continued);
  segments.splice(-1, 1, { ...last, lines: read(last.name) });
  for (const [at, segment] of segments.entries()) folders.push(folderOf(at, segment));
}

/** The directory as it was when this segment and the next were there; of the last, the one before. */
function folderOf(at: number, segment: Segment): string {
  const folder = temporaryDirectory();
  mkdirSync(folder, { recursive: true });
  const beside = segments[at === segments.length - 1 ? at - 1 : at + 1]!;
  const pair = [segment, beside].map((one) => ({ ...one, checkpoint: checkpointOf(one) }));
  const oldest = Math.min(...pair.map(({ checkpoint }) => checkpoint.number));
  for (const { name, lines, checkpoint } of pair) {
    writeFileSync(path.join(folder, name), textOf(lines));
    // As the trail itself says when retention has removed all before.
    const note = signer.sign(checkpointText({ ...checkpoint, oldest }));
    writeFileSync(path.join(folder, name.replace("jsonl", "checkpoint")), note);
  }
  return folder;
}

function checkpointOf({ note }: Segment): Checkpoint {
  return readCheckpointText(openNote(note, [])?.text ?? "")!;
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** Bytes of a segment after something happened to one of its lines. */
function mutated({ lines }: Segment, at: number): { readonly how: string; readonly bytes: Buffer } {
  const line = lines[at] ?? "";
  const [before, after] = [lines.slice(0, at), lines.slice(at + 1)];
  const other = segments[random.below(segments.length)]!;
  const cut = random.below(line.length);
  const far = random.below(lines.length - at - 1);
  switch (random.below(6)) {
    case 0:
      return { how: "dropped", bytes: Buffer.from(textOf([...before, ...after])) };
    case 1:
      return { how: "cut short", bytes: Buffer.from(textOf([...before, line.slice(0, cut), ...after])) };
    case 2:
      return { how: "doubled", bytes: Buffer.from(textOf([...before, line, line, ...after])) };
    case 3: {
      const taken = other.lines[random.below(other.lines.length)]!;
      if (taken !== line)
        return { how: "replaced", bytes: Buffer.from(textOf([...before, taken, ...after])) };
      break;
    }
    case 4: {
      if (after.length === 0) break;
      const swapped = [...after];
      swapped.splice(far, 1, line);
      return { how: "swapped", bytes: Buffer.from(textOf([...before, after[far]!, ...swapped])) };
    }
    default:
  }
  const bytes = Buffer.from(textOf(lines));
  const start = Buffer.byteLength(textOf(before));
  const position = start + random.below(Buffer.byteLength(line) + 1);
  bytes[position] = (bytes[position] ?? 0) ^ (1 + random.below(255));
  return { how: "flipped", bytes };
}

test(`each of ${MUTATIONS} mutations of ${LINES} lines is located, and none verified as good`, async () => {
  await writeTrail();
  const total = segments.reduce((sum, { lines }) => sum + lines.length, 0);
  expect(total).toBeGreaterThanOrEqual(LINES + TAIL);
  const misses: string[] = [];
  const seen = new Map<string, number>();
  for (let count = 0; count < MUTATIONS; count++) {
    // Drawn over all lines: all segments but the last are of about one length.
    const number = random.below(segments.length);
    const segment = segments[number]!;
    const at = random.below(segment.lines.length);
    const { how, bytes } = mutated(segment, at);
    const file = path.join(folders[number]!, segment.name);
    writeFileSync(file, bytes);
    const isLast = number === segments.length - 1;
    const sealed = isLast ? segment.lines.length - TAIL : segment.lines.length;
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const report = await verifyDirectory(folders[number]!, { keys: [keys.publicKey] });
    const place = report.firstBad && `${report.firstBad.segment}:${report.firstBad.line}`;
    // Doubled: the line itself is good, the second one is not.
    const expected = `${segment.name}:${at + (how === "doubled" ? 2 : 1)}`;
    seen.set(how, (seen.get(how) ?? 0) + 1);
    const isLocated = place === expected;
    // oxlint-disable-next-line no-await-in-loop
    const isFound = isLocated || (at >= sealed && report.ok && (await isLost(folders[number]!)));
    if (!isFound) misses.push(`${how} ${expected}, found ${place}: ${report.firstBad?.detail}`);
    if (report.ok && report.sealed + report.unsealedTail !== report.lines)
      misses.push(`${how} ${expected}: ${report.lines} lines, neither sealed nor unsealed`);
    writeFileSync(file, textOf(segment.lines));
  }
  expect(misses).toStrictEqual([]);
  expect(
    Math.min(
      ...["dropped", "cut short", "doubled", "replaced", "swapped", "flipped"].map(
        (how) => seen.get(how) ?? 0,
      ),
    ),
  ).toBeGreaterThan(1_000);
}, 120_000);

/** A tail that was cut at a line is a good chain: only who knows its end sees that. */
async function isLost(folder: string): Promise<boolean> {
  const { ok, firstBad } = await verifyDirectory(folder, { keys: [keys.publicKey], ends: [end] });
  return !ok && firstBad?.problem === "truncated";
}
