import type { Hash } from "../base/ports.ts";
import type { AuditRecord, ChainedLine } from "./audit-record.ts";
import { writtenRecord } from "./record-text.ts";
import { wellFormed } from "./well-formed.ts";

/** A place in a chain: the number of the next line and the hash of the line before it. */
export interface ChainPosition {
  readonly seq: number;
  readonly prev: string;
}

/** Where every chain starts: line 0, after 64 zeros. */
export const CHAIN_START: ChainPosition = Object.freeze({ seq: 0, prev: "0".repeat(64) });

/** Links records to a chain, each line naming the hash of the one before. */
export interface Chain {
  /** The place of the next line. */
  readonly position: ChainPosition;
  /**
   * Links a record.
   * @throws AgentplaneError `content_refused` when the record is not JSON; nothing is linked then
   */
  next(record: AuditRecord): ChainedLine;
  /** Links the canonical text of a record. */
  nextText(text: string): ChainedLine;
  /** Goes back to an earlier place, when the lines after it were not kept. */
  rewind(to: ChainPosition): void;
}

/**
 * Starts or continues a chain.
 * @param hash SHA-256; lower-case hex.
 * @param start Where to go on. Default: the start of a new chain.
 */
export function createChain(hash: Pick<Hash, "sha256">, start: ChainPosition = CHAIN_START): Chain {
  let { seq, prev } = start;
  const link = (record: string): ChainedLine => {
    // Looked over as it is hashed: what a record is put together from becomes one text once.
    const text = wellFormed(`{"prev":"${prev}","record":${record},"seq":${seq}}`);
    const line: ChainedLine = { seq, prev, hash: hash.sha256(text), text };
    seq += 1;
    prev = line.hash;
    return line;
  };
  return {
    get position() {
      return { seq, prev };
    },
    next: (record) => link(writtenRecord(record)),
    nextText: link,
    rewind(to) {
      ({ seq, prev } = to);
    },
  };
}

/**
 * A chained line as it is stored: canonical JSON of `{ hash, prev, record, seq }`, without the line break.
 * @param line From {@link createChain}.
 */
export function storedLine({ hash, text }: Pick<ChainedLine, "hash" | "text">): string {
  // `hash` sorts first, so the stored text is the hashed text with one member before it.
  return `{"hash":"${hash}",${text.slice(1)}`;
}

const HASH_AT = '{"hash":"'.length;
const TEXT_AT = HASH_AT + 64 + '",'.length;
const PREV_AT = TEXT_AT + '"prev":"'.length;
const RECORD_AT = PREV_AT + 64 + '","record":'.length;
const SHAPE = /^\{"hash":"[0-9a-f]{64}","prev":"[0-9a-f]{64}","record":\{/;
const SEQ_MARK = ',"seq":';

/**
 * Reads a stored line by its fixed layout, without parsing the record: about as fast as hashing it.
 * @param line Without the line break.
 * @returns Undefined when this is not the layout of {@link storedLine}; whether the hash fits is not looked at.
 */
export function readStoredLine(line: string): (ChainedLine & { readonly recordText: string }) | undefined {
  const mark = line.lastIndexOf(SEQ_MARK);
  if (mark < RECORD_AT || !SHAPE.test(line)) return undefined;
  const digits = line.slice(mark + SEQ_MARK.length, -1);
  const seq = Number(digits);
  if (!line.endsWith("}") || !Number.isSafeInteger(seq) || String(seq) !== digits) return undefined;
  return {
    seq,
    prev: line.slice(PREV_AT, PREV_AT + 64),
    hash: line.slice(HASH_AT, HASH_AT + 64),
    text: `{${line.slice(TEXT_AT)}`,
    recordText: line.slice(RECORD_AT, mark),
  };
}

/**
 * Checks that a stored line is the one that belongs at a place: the way through a good trail, without taking the line
 * apart.
 * @returns Its hash, which the next line names; undefined when the line is anything else.
 */
export function hashOfLineAt(
  line: string,
  { seq, prev }: ChainPosition,
  hash: Pick<Hash, "sha256">,
): string | undefined {
  const text = `{${line.slice(TEXT_AT)}`;
  if (!text.startsWith(`{"prev":"${prev}","record":{`) || !text.endsWith(`},"seq":${seq}}`)) return undefined;
  const found = hash.sha256(text);
  return line.startsWith(`{"hash":"${found}",`) ? found : undefined;
}
