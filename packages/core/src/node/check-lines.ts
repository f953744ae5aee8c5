import { hash } from "node:crypto";

import type { ChainPosition } from "../audit/chain.ts";

/** How far the bytes of a segment are a good chain. */
export interface CheckedLines {
  /** Good lines from the first. */
  readonly good: number;
  /** The place after them. */
  readonly end: ChainPosition;
  /** Whether nothing else follows. */
  readonly isWhole: boolean;
}

const LINE_BREAK = 10;
const BRACE = 0x7b;
const COMMA = 0x2c;
const HASH_AT = '{"hash":"'.length;
const HASH_END = HASH_AT + 64;
const TEXT_AT = HASH_END + '"'.length;

/**
 * Walks through the bytes of a segment as long as each line is the one that belongs there: about as fast as hashing
 * them, because nothing is decoded or taken apart.
 * @param bytes Changed for a moment and restored, line by line.
 * @param found Told the hash of each good line.
 */
export function checkLines(bytes: Buffer, start: ChainPosition, found: (hash: string) => void): CheckedLines {
  let { seq, prev } = start;
  let from = 0;
  while (from < bytes.length) {
    const to = bytes.indexOf(LINE_BREAK, from);
    const line = to === -1 ? undefined : hashAt(bytes, { from, to, seq, prev });
    if (line === undefined) break;
    found(line);
    prev = line;
    seq += 1;
    from = to + 1;
  }
  return { good: seq - start.seq, end: { seq, prev }, isWhole: from >= bytes.length };
}

function hashAt(
  bytes: Buffer,
  { from, to, seq, prev }: ChainPosition & { readonly from: number; readonly to: number },
): string | undefined {
  const tail = `},"seq":${seq}}`;
  const head = `","prev":"${prev}","record":{`;
  if (bytes.toString("latin1", to - tail.length, to) !== tail) return undefined;
  if (bytes.toString("latin1", from + HASH_END, from + HASH_END + head.length) !== head) return undefined;
  // What is hashed is the line without its first member: the comma becomes the brace before it for so long.
  bytes[from + TEXT_AT] = BRACE;
  const actual = hash("sha256", bytes.subarray(from + TEXT_AT, to), "hex");
  bytes[from + TEXT_AT] = COMMA;
  return bytes.toString("latin1", from, from + HASH_END) === `{"hash":"${actual}` ? actual : undefined;
}
