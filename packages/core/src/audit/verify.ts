import { createPorts } from "../base/runtime.ts";
import type { Hash } from "../base/ports.ts";
import { CHAIN_START, hashOfLineAt, readStoredLine, type ChainPosition } from "./chain.ts";

/** What happened to a line. */
export type LineProblem =
  /** Its content, or a member of the chain in it, is not what was written. */
  | "edited"
  /** Lines that stood before it are gone. */
  | "removed"
  /** It stands where an earlier line belongs, which follows later. */
  | "reordered"
  /** It repeats a line that stands before it. */
  | "duplicated"
  /** The trail ends too early, or in the middle of this line. */
  | "truncated"
  /** It is no JSON at all. */
  | "not_json";

/** The first line that is not as it was written. */
export interface BadLine {
  /** Number of the line from 1, as editors count; for a trail that ends too early the one after the last. */
  readonly line: number;
  readonly problem: LineProblem;
  /** For people: what was expected and what was found. */
  readonly detail: string;
}

/** What a check of an audit trail found. */
export interface VerifyReport {
  readonly ok: boolean;
  /** How many lines were looked at. */
  readonly lines: number;
  readonly firstBad?: BadLine;
  /**
   * Good lines after the last seal. A chain alone proves that nothing inside it changed; whoever can write the whole
   * file could still shorten it or write it anew, unless `end` was kept elsewhere.
   */
  readonly unsealedTail: number;
  /** The place after the last good line: where the next segment goes on. */
  readonly end: ChainPosition;
}

/** What a check may be told beside the lines. */
export interface VerifyOptions {
  /** Where the trail starts. Default: at line 0 of a new chain. */
  readonly start?: ChainPosition;
  /** Where it must end, if that was kept elsewhere: finds a trail that was cut at its end. */
  readonly end?: ChainPosition;
}

/**
 * Checks an audit trail and names the first bad line and what happened to it.
 * @param lines Stored lines in order, without line breaks.
 * @param hash The hash the trail was written with. Default: the platform's SHA-256.
 * @returns A report; never throws for what the lines contain. Cost: one hash per line.
 */
export function verifyLines(
  lines: readonly string[],
  hash: Pick<Hash, "sha256"> = createPorts().hash,
  { start = CHAIN_START, end: wanted }: VerifyOptions = {},
): VerifyReport {
  let { seq, prev } = start;
  let firstBad: BadLine | undefined;
  for (let index = 0; index < lines.length; index++) {
    const found = hashOfLineAt(lines[index] ?? "", { seq, prev }, hash);
    if (found === undefined) {
      firstBad = explain({ lines, index, start, seq, prev, hash });
      break;
    }
    seq += 1;
    prev = found;
  }
  const end = { seq, prev };
  firstBad ??= wanted && atEnd(lines.length, end, wanted);
  const good = seq - start.seq;
  return {
    ok: firstBad === undefined,
    lines: lines.length,
    ...(firstBad && { firstBad }),
    unsealedTail: good,
    end,
  };
}

interface Place extends ChainPosition {
  readonly lines: readonly string[];
  readonly index: number;
  readonly start: ChainPosition;
  readonly hash: Pick<Hash, "sha256">;
}

/** Runs once, for the first bad line; may look through all others. */
function explain(place: Place): BadLine {
  const { lines, index, seq, prev, hash } = place;
  const raw = lines[index] ?? "";
  const line = readStoredLine(raw);
  if (line === undefined) return unreadable(raw, index, lines.length);
  if (hash.sha256(line.text) !== line.hash) return bad(index, "edited", "its hash does not fit its content");
  if (line.seq !== seq) return misplaced(place, raw, line.seq);
  if (line.prev === prev) return bad(index, "edited", "its record is not as a trail writes it");
  // A whole line of the right number that does not follow from the one before: one of the two was written anew.
  const next = readStoredLine(lines[index + 1] ?? "");
  const isItself = index === 0 || (next !== undefined && next.prev !== line.hash);
  const detail = `line ${index + 1} names ${line.prev.slice(0, 12)}… as the hash before it, not ${prev.slice(0, 12)}…`;
  return bad(isItself ? index : index - 1, "edited", detail);
}

function unreadable(raw: string, index: number, count: number): BadLine {
  if (isJson(raw)) return bad(index, "edited", "it is JSON, but no line of an audit trail");
  if (index === count - 1) return bad(index, "truncated", "the last line breaks off");
  return bad(index, "not_json", "it cannot be read as JSON");
}

function misplaced({ lines, index, seq, start }: Place, raw: string, found: number): BadLine {
  if (found < seq) {
    // Every number between the start and here was seen in order.
    const twin = found - start.seq;
    if (twin < 0) return bad(index, "reordered", `number ${found} belongs before the start of this trail`);
    if (lines[twin] === raw)
      return bad(index, "duplicated", `number ${found} already stands in line ${twin + 1}`);
    return bad(index, "edited", `number ${found} is taken by line ${twin + 1}; expected ${seq}`);
  }
  const follows = lines.slice(index + 1).some((later) => readStoredLine(later)?.seq === seq);
  if (follows) return bad(index, "reordered", `number ${found} stands before number ${seq}`);
  const gone = found - seq === 1 ? `number ${seq} is` : `numbers ${seq} to ${found - 1} are`;
  return bad(index, "removed", `${gone} missing before it`);
}

function atEnd(count: number, end: ChainPosition, wanted: ChainPosition): BadLine | undefined {
  if (end.seq === wanted.seq && end.prev === wanted.prev) return undefined;
  if (end.seq < wanted.seq) {
    return bad(
      count,
      "truncated",
      `the trail ends before number ${end.seq}; ${wanted.seq - end.seq} more were written`,
    );
  }
  return bad(count - 1, "edited", "the trail does not end in the line that was written last");
}

function bad(index: number, problem: LineProblem, detail: string): BadLine {
  return { line: index + 1, problem, detail };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // The answer is the point; why it cannot be parsed tells no more than the line itself.
    return false;
  }
}
