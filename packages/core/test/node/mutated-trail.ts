import { readFileSync } from "node:fs";
import path from "node:path";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import type { WriterEnd } from "../../src/node/verify-directory.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Of all trails here. */
export const keys = generateAuditKeys("audit.example/mutations");

/** What can happen to a line. */
export const WAYS = ["dropped", "cut short", "doubled", "replaced", "swapped", "flipped"] as const;

/** A segment as it was when it was sealed. */
export interface Segment {
  readonly name: string;
  readonly lines: readonly string[];
  readonly note: string;
}

/** A signed trail, and the lines at its end that no checkpoint covers. */
export interface Trail {
  readonly directory: string;
  readonly segments: readonly Segment[];
  readonly tail: number;
  readonly end: WriterEnd;
}

/** Numbers that are the same in every run. */
export interface Random {
  below(bound: number): number;
}

/** A mutated segment. */
export interface Mutation {
  readonly how: (typeof WAYS)[number];
  readonly bytes: Buffer;
  /** Line of the segment that is the first bad one, from 1. */
  readonly firstBad: number;
}

/** A linear congruential generator modulo 2^32 (Numerical Recipes), its upper bits. */
export function createRandom(seed: number): Random {
  let state = seed;
  return {
    below(bound) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * Math.max(bound, 1));
    },
  };
}

/** Writes a trail of so many lines; the tail goes to the last sealed segment, as with segments of ordinary length. */
export async function writeTrail(options: {
  readonly lines: number;
  readonly linesPerSegment: number;
  readonly tail: number;
}): Promise<Trail> {
  const directory = path.join(temporaryDirectory(), "audit");
  const segments: Segment[] = [];
  const read = (name: string): readonly string[] =>
    readFileSync(path.join(directory, name), "utf8").split("\n").slice(0, -1);
  const keep = (record: AuditRecord): void => {
    if (record.kind !== "control" || typeof record.data?.["note"] !== "string") return;
    if (segments.at(-1)?.name === record.subject) segments.pop();
    segments.push({ name: record.subject, lines: read(record.subject), note: record.data["note"] });
  };
  // Any second group begins a new segment.
  const own = { directory, key: keys.privateKey, fsync: false };
  const sink = jsonlSink({ ...own, maxSegmentBytes: 10, publishTo: { append: keep } });
  for (let line = 1; line <= options.lines; line++) {
    void sink.append(controlRecord(`s${line}`), "buffered");
    // oxlint-disable-next-line no-await-in-loop -- one segment after the other
    if (line % options.linesPerSegment === 0) await sink.flush();
  }
  await sink.close();
  const continued = jsonlSink(own);
  for (let line = 1; line <= options.tail; line++)
    void continued.append(controlRecord(`tail${line}`), "buffered");
  await continued.flush();
  const last = segments.at(-1)!;
  segments.splice(-1, 1, { ...last, lines: read(last.name) });
  return { directory, segments, tail: options.tail, end: continued.end };
}

/** The bytes of a segment. */
export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** A line of the whole trail, each as likely as any other. */
export function drawLine(
  { segments }: Trail,
  random: Random,
): { readonly number: number; readonly at: number } {
  let at = random.below(segments.reduce((sum, { lines }) => sum + lines.length, 0));
  let number = 0;
  for (; at >= segments[number]!.lines.length; number++) at -= segments[number]!.lines.length;
  return { number, at };
}

/** Lets something happen to one of the lines of a segment. */
export function mutate({ segments }: Trail, place: ReturnType<typeof drawLine>, random: Random): Mutation {
  const { at, number } = place;
  const { lines } = segments[number]!;
  const line = lines[at]!;
  const [before, after] = [lines.slice(0, at), lines.slice(at + 1)];
  const made = (how: Mutation["how"], changed: readonly string[], firstBad = at + 1): Mutation => {
    return { how, bytes: Buffer.from(textOf([...before, ...changed])), firstBad };
  };
  const way = WAYS[random.below(WAYS.length)]!;
  if (way === "dropped") return made(way, after);
  if (way === "cut short") return made(way, [line.slice(0, random.below(line.length)), ...after]);
  // The line itself is good, the second one is not.
  if (way === "doubled") return made(way, [line, line, ...after], at + 2);
  if (way === "replaced") {
    const other = segments[random.below(segments.length)]!;
    const taken = other.lines[random.below(other.lines.length)]!;
    if (taken !== line) return made(way, [taken, ...after]);
  }
  if (way === "swapped" && after.length > 0) {
    const far = random.below(after.length);
    return made(way, [after[far]!, ...after.with(far, line)]);
  }
  const bytes = Buffer.from(textOf(lines));
  // A line and its break.
  const position = Buffer.byteLength(textOf(before)) + random.below(Buffer.byteLength(line) + 1);
  bytes[position] = bytes[position]! ^ (1 + random.below(255));
  return { how: "flipped", bytes, firstBad: at + 1 };
}
