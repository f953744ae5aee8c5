import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { checkpointText, readCheckpointText } from "../../src/node/checkpoint.ts";
import { createNoteSigner, openNote } from "../../src/node/signed-note.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import {
  createRandom,
  drawLine,
  keys,
  mutate,
  textOf,
  WAYS,
  writeTrail,
  type Mutation,
  type Segment,
  type Trail,
} from "./mutated-trail.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const LINES = 10_000;
const MUTATIONS = 10_000;
const TAIL = 30;
/**
 * Checking ten thousand whole trails takes minutes: `npm run mutations` does that, every other run some of them. In
 * its own segment each is looked for in every run.
 */
const IN_THE_WHOLE = process.env["MUTATIONS"] === "all" ? MUTATIONS : 300;

const signer = createNoteSigner(keys.privateKey);

/** The directory as retention leaves it that has removed all but one segment. */
function folderOf({ name, lines, note }: Segment): string {
  const folder = temporaryDirectory();
  mkdirSync(folder, { recursive: true });
  const checkpoint = readCheckpointText(openNote(note, [])?.text ?? "")!;
  writeFileSync(path.join(folder, name), textOf(lines));
  const kept = signer.sign(checkpointText({ ...checkpoint, oldest: checkpoint.number }));
  writeFileSync(path.join(folder, name.replace("jsonl", "checkpoint")), kept);
  return folder;
}

/** Lets something happen to lines drawn over the whole trail, and says of which a check says anything else. */
async function misses(
  trail: Trail,
  { mutations, folder }: { readonly mutations: number; folder(number: number): string },
): Promise<{ readonly misses: readonly string[]; readonly ways: ReadonlyMap<string, number> }> {
  const random = createRandom(20_261_128);
  const found: string[] = [];
  const ways = new Map<string, number>();
  for (let count = 0; count < mutations; count++) {
    const place = drawLine(trail, random);
    const mutation = mutate(trail, place, random);
    const segment = trail.segments[place.number]!;
    const directory = folder(place.number);
    const file = path.join(directory, segment.name);
    overwrite(file, mutation.bytes);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const wrong = await wrongAnswer(trail, { directory, place, mutation });
    if (wrong !== undefined) found.push(`${mutation.how} ${segment.name}:${mutation.firstBad}: ${wrong}`);
    ways.set(mutation.how, (ways.get(mutation.how) ?? 0) + 1);
    overwrite(file, Buffer.from(textOf(segment.lines)));
  }
  return { misses: found, ways };
}

/** Emptied first, as `writeFileSync` does it, a file is brought to the disk each time: ext4 keeps it from being lost so. */
function overwrite(file: string, bytes: Buffer): void {
  const opened = openSync(file, "r+");
  writeSync(opened, bytes);
  ftruncateSync(opened, bytes.length);
  closeSync(opened);
}

/** What is wrong with what a check says; undefined where it is right. */
async function wrongAnswer(
  { segments, tail, end }: Trail,
  {
    directory,
    place: { number, at },
    mutation,
  }: {
    readonly directory: string;
    readonly place: ReturnType<typeof drawLine>;
    readonly mutation: Mutation;
  },
): Promise<string | undefined> {
  const { name, lines } = segments[number]!;
  const report = await verifyDirectory(directory, { keys: [keys.publicKey] });
  const { firstBad } = report;
  if (firstBad !== undefined) {
    const isLocated = firstBad.segment === name && firstBad.line === mutation.firstBad;
    return isLocated ? undefined : `found in ${firstBad.segment}:${firstBad.line}, ${firstBad.detail}`;
  }
  const sealed = number === segments.length - 1 ? lines.length - tail : lines.length;
  if (at < sealed) return "verified as good";
  // A tail that was cut at a line is a good chain: it is told as unsealed, and only who knows its end sees the loss.
  if (report.sealed + report.unsealedTail !== report.lines || report.unsealedTail >= tail)
    return `${report.lines} lines, of them ${report.sealed} sealed and ${report.unsealedTail} not`;
  const known = await verifyDirectory(directory, { keys: [keys.publicKey], ends: [end] });
  return known.firstBad?.problem === "truncated" ? undefined : "verified as good against its known end";
}

test(`each of ${MUTATIONS} mutations of ${LINES} lines is located in its segment, none verified as good`, async () => {
  const trail = await writeTrail({ lines: LINES, linesPerSegment: 25, tail: TAIL });
  expect(trail.segments.reduce((sum, { lines }) => sum + lines.length, 0)).toBeGreaterThanOrEqual(
    LINES + TAIL,
  );
  const folders = trail.segments.map(folderOf);
  const result = await misses(trail, { mutations: MUTATIONS, folder: (number) => folders[number]! });
  expect(result.misses).toStrictEqual([]);
  expect(Math.min(...WAYS.map((how) => result.ways.get(how) ?? 0))).toBeGreaterThan(MUTATIONS / 10);
}, 240_000);

test(`each of ${IN_THE_WHOLE} mutations is located in a whole trail of ${LINES} lines, none verified as good`, async () => {
  const trail = await writeTrail({ lines: LINES, linesPerSegment: 1_000, tail: TAIL });
  const whole = await verifyDirectory(trail.directory, { keys: [keys.publicKey] });
  expect(whole).toMatchObject({ ok: true, unsealedTail: TAIL });
  expect(whole.sealed).toBeGreaterThanOrEqual(LINES);
  const result = await misses(trail, { mutations: IN_THE_WHOLE, folder: () => trail.directory });
  expect(result.misses).toStrictEqual([]);
  expect(Math.min(...WAYS.map((how) => result.ways.get(how) ?? 0))).toBeGreaterThan(IN_THE_WHOLE / 10);
}, 7_200_000);
