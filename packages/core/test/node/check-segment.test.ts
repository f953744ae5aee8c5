import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";

import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";

import { CHAIN_START, createChain, storedLine } from "../../src/audit/chain.ts";
import { checkSegmentBytes, checkSegmentFile } from "../../src/node/check-segment.ts";
import { MerkleTree } from "../../src/node/merkle-tree.ts";
import { PartHelpers } from "../../src/node/part-helpers.ts";
import { takePart, type PartJob } from "../../src/node/part-job.ts";
import { checkPart, readPart } from "../../src/node/segment-part.ts";
import { controlRecord, hash } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const newFile = (): string => path.join(temporaryDirectory(), "segment.jsonl");

/** A segment whose lines are of very different length. */
function segmentOf(count: number, name = "s") {
  const chain = createChain(hash);
  const tree = new MerkleTree();
  const lines = Array.from({ length: count }, (_, index) => {
    const line = chain.next({ ...controlRecord(`${name}${index}`), reason: "x".repeat((index * 97) % 700) });
    tree.add(line.hash);
    return `${storedLine(line)}\n`;
  });
  return { lines, end: chain.position, root: tree.root() };
}

const { lines, end, root } = segmentOf(60);
const whole = Buffer.from(lines.join(""));
/** Where the line begins that holds a byte. */
const lineBegin = (at: number): number => whole.subarray(0, at).lastIndexOf("\n") + 1;

test("a good segment is one chain with one root, whatever it is divided into", async () => {
  const file = newFile();
  writeFileSync(file, whole);
  const watched = [10, 60];
  const question = { start: CHAIN_START, sealed: 60, watched };
  const expected = await checkSegmentBytes(Buffer.from(whole), question);
  expect(expected).toMatchObject({ good: 60, end, isWhole: true, root });
  expect(expected.seen.map(({ seq }) => seq)).toStrictEqual(watched);
  for (const partBytes of [10, 100, 999, 5_000, whole.length - 1, whole.length, whole.length + 1])
    // oxlint-disable-next-line no-await-in-loop -- one file
    expect(await checkSegmentFile(file, question, { partBytes })).toStrictEqual(expected);
});

test("any change of a byte, a cut or a doubled range is found at the same line in parts as in one piece", async () => {
  const file = newFile();
  const change = fc.record({
    at: fc.nat(),
    length: fc.nat({ max: 900 }),
    kind: fc.constantFrom("flip", "cut", "double"),
  });
  const changed = (kind: string, at: number, length: number): Buffer => {
    const [before, range, after] = [
      whole.subarray(0, at),
      whole.subarray(at, at + length),
      whole.subarray(at + length),
    ];
    if (kind === "cut") return Buffer.concat([before, after]);
    if (kind === "double") return Buffer.concat([before, range, range, after]);
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 + (length % 255));
    return bytes;
  };
  await fc.assert(
    fc.asyncProperty(
      change,
      fc.integer({ min: 100, max: 9_000 }),
      fc.integer({ min: 1, max: 60 }),
      async (what, partBytes, sealed) => {
        const bytes = changed(what.kind, what.at % whole.length, what.length);
        writeFileSync(file, bytes);
        const question = { start: CHAIN_START, sealed, watched: [30] };
        const expected = await checkSegmentBytes(Buffer.from(bytes), question);
        const found = await checkSegmentFile(file, question, { partBytes });
        expect(found).toStrictEqual(expected);
      },
    ),
    { numRuns: 100 },
  );
});

test("two halves of different chains are no chain, also where they meet at the border of a part", async () => {
  const file = newFile();
  const bytes = Buffer.from([...lines.slice(0, 30), ...segmentOf(60, "t").lines.slice(30)].join(""));
  writeFileSync(file, bytes);
  const border = lines.slice(0, 30).join("").length;
  const question = { start: CHAIN_START, sealed: 60, watched: [] };
  for (const partBytes of [border - 1, border, border + 1, border / 2, 100, bytes.length])
    // oxlint-disable-next-line no-await-in-loop -- one file
    expect(await checkSegmentFile(file, question, { partBytes: Math.ceil(partBytes) })).toMatchObject({
      good: 30,
      isWhole: false,
      root: undefined,
    });
});

test.runIf(availableParallelism() > 1)("threads that help find the same, together and alone", async () => {
  const [file, helpers] = [newFile(), new PartHelpers()];
  onTestFinished(async () => helpers.close());
  const question = { start: CHAIN_START, sealed: 60, watched: [10, 60] };
  for (const at of [undefined, 0, 9_000, whole.length - 1]) {
    const bytes = Buffer.from(whole);
    if (at !== undefined) bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    // oxlint-disable-next-line no-await-in-loop -- one file
    const expected = await checkSegmentBytes(Buffer.from(bytes), question);
    // oxlint-disable-next-line no-await-in-loop -- one file
    expect(await checkSegmentFile(file, question, { helpers, partBytes: 200 })).toStrictEqual(expected);
    const next = new Int32Array(new SharedArrayBuffer(4));
    const count = Math.ceil(bytes.length / 200);
    const job = { ...question, startSeq: 0, path: file, size: bytes.length, partBytes: 200, count, next };
    // oxlint-disable-next-line no-await-in-loop
    const parts = (await Promise.all(helpers.ask(job))).flat().toSorted(([a], [b]) => a - b);
    for (const [index, report] of parts) expect(report).toStrictEqual(checkPart(readPart(job, index), job));
    // What follows a bad part is not looked at.
    const firstBad = parts.findIndex(([, { isWhole }]) => !isWhole);
    expect(firstBad === -1 ? parts.length : parts[firstBad]?.[0]).toBe(
      at === undefined ? count : Math.floor(lineBegin(at) / 200),
    );
  }
});

test("what a helper that fails has left is checked by this thread", async () => {
  const file = newFile();
  writeFileSync(file, whole);
  // It takes parts and answers for none of them.
  const helpers = {
    ask(job: PartJob) {
      for (let count = 0; count < 10; count++) takePart(job);
      return [Promise.resolve([])];
    },
  };
  const question = { start: CHAIN_START, sealed: 60, watched: [] };
  const found = await checkSegmentFile(file, question, { helpers, partBytes: 200 });
  expect(found).toMatchObject({ good: 60, isWhole: true, root });
});
