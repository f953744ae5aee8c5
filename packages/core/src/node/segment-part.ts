import { closeSync, readSync } from "node:fs";

import { readStoredLine, type ChainPosition } from "../audit/chain.ts";
import { checkLines } from "./check-lines.ts";
import { MerkleTree, type Subtree } from "./merkle-tree.ts";
import { openRegular } from "./regular-file.ts";

/** What is asked of every part of a segment. */
export interface PartQuestion {
  /** Number of the segment's first line. */
  readonly startSeq: number;
  /** How many of its lines the Merkle tree is about. */
  readonly sealed: number;
  /** Numbers up to which the hash of the line before is wanted. */
  readonly watched: readonly number[];
}

/** What a part of a segment says of itself; whether it follows from the part before is for who puts them together. */
export interface PartReport {
  /** The place its first line claims; undefined when no line begins in it. */
  readonly first: ChainPosition | undefined;
  /** Good lines from there. */
  readonly good: number;
  /** The place after them. */
  readonly end: ChainPosition | undefined;
  /** Whether nothing else is in it. */
  readonly isWhole: boolean;
  readonly subtrees: readonly Subtree[];
  /** Of what was watched. */
  readonly seen: readonly ChainPosition[];
}

const LINE_BREAK = 10;
/** More than most lines are long. */
const SLACK_BYTES = 64 * 1024;
/** No line is longer: it is a string first, and Node.js makes none of 512 Mi characters. */
const MAX_LINE_BYTES = 512 * 1024 * 1024 - 1024;
const NOTHING: PartReport = {
  first: undefined,
  good: 0,
  end: undefined,
  isWhole: true,
  subtrees: [],
  seen: [],
};

/**
 * Checks the lines of a segment that begin in a range of its bytes: as a chain that starts where the first of them
 * says.
 * @param maxLineBytes A longer first line is none.
 */
export function checkPart(
  bytes: Buffer,
  { startSeq, sealed, watched }: PartQuestion,
  maxLineBytes = MAX_LINE_BYTES,
): PartReport {
  if (bytes.length === 0) return NOTHING;
  const end = bytes.indexOf(LINE_BREAK);
  const isLine = end !== -1 && end <= maxLineBytes;
  const line = isLine ? readStoredLine(bytes.toString("utf8", 0, end)) : undefined;
  if (line === undefined) return { ...NOTHING, isWhole: false };
  const first = { seq: line.seq, prev: line.prev };
  const index = first.seq - startSeq;
  const tree = new MerkleTree(Math.max(0, index));
  const wanted = new Set(watched);
  const seen: ChainPosition[] = [];
  let { seq } = first;
  const checked = checkLines(bytes, first, (hash) => {
    if (seq - startSeq < sealed) tree.add(hash);
    seq += 1;
    if (wanted.has(seq)) seen.push({ seq, prev: hash });
  });
  return { first, ...checked, subtrees: tree.subtrees(), seen };
}

/** A file that is read in parts. */
export interface PartFile {
  readonly path: string;
  /** As it was when reading began: it may grow. */
  readonly size: number;
  readonly partBytes: number;
}

/** How long a file is, in bytes. */
export function sizeOf(path: string): number {
  const { file, size } = openRegular(path);
  closeSync(file);
  return size;
}

/** Reads the lines that begin in a part. */
export function readPart({ path, size, partBytes }: PartFile, index: number): Buffer {
  const from = index * partBytes;
  const to = Math.min(from + partBytes, size);
  // The byte before tells whether a line begins with the first.
  const base = Math.max(0, from - 1);
  return withFile(path, (file) => {
    for (let slack = SLACK_BYTES; ; slack = Math.min(slack * 8, MAX_LINE_BYTES)) {
      const bytes = Buffer.allocUnsafe(Math.min(size, to + slack) - base);
      const read = readWhole(file, bytes, base);
      const last = bytes.subarray(0, read).indexOf(LINE_BREAK, to - 1 - base);
      if (last === -1 && base + bytes.length < size && slack < MAX_LINE_BYTES) continue;
      // No line begins here where the first break is also the last; a line without end is one that is cut.
      const start = from === 0 ? 0 : bytes.subarray(0, read).indexOf(LINE_BREAK) + 1;
      return bytes.subarray(start, last === -1 ? read : last + 1);
    }
  });
}

function readWhole(file: number, bytes: Buffer, position: number): number {
  let at = 0;
  for (let read = -1; at < bytes.length && read !== 0; at += read)
    read = readSync(file, bytes, at, bytes.length - at, position + at);
  return at;
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const { file } = openRegular(path);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
