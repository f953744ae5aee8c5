import { ConfigError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditRecord, ChainedLine } from "./audit-record.ts";
import type { AuditSink } from "./audit-sink.ts";
import { CHAIN_START, createChain, storedLine, type ChainPosition } from "./chain.ts";

const DEFAULT_MAX_RECORDS = 10_000;

/** An audit trail in memory that can be read back. */
export interface MemorySink extends AuditSink {
  // All three are done at once, whatever the mode.
  append(record: AuditRecord): void;
  flush(): void;
  close(): void;
  /** The records kept, oldest first. */
  records(): readonly AuditRecord[];
  /** The stored lines of {@link records}, for `verifyLines`. */
  lines(): readonly string[];
  /** How many older records were given up to stay within the bound. */
  readonly evicted: number;
  /** The place of the first line kept. */
  readonly start: ChainPosition;
  /** The place after the last line. */
  readonly end: ChainPosition;
}

interface Kept {
  readonly record: AuditRecord;
  readonly line: ChainedLine;
}

/**
 * Keeps the newest records in this process, chained like every audit trail; what is evicted is counted.
 * @param options `maxRecords`: whole number ≥ 1, default 10,000.
 * @throws ConfigError when `maxRecords` is not such a number
 */
export function memorySink(options: { readonly hash: Hash; readonly maxRecords?: number }): MemorySink {
  const { hash, maxRecords = DEFAULT_MAX_RECORDS } = options;
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1) {
    const message = `must be a whole number from 1, not ${maxRecords}`;
    throw new ConfigError("memorySink", [{ path: "maxRecords", message }]);
  }
  const chain = createChain(hash);
  // A ring that grows with use: the record of number n lies at n % maxRecords.
  const ring: Kept[] = [];
  const kept = (): readonly Kept[] => {
    const first = chain.position.seq % maxRecords;
    return ring.length < maxRecords ? ring.slice() : [...ring.slice(first), ...ring.slice(0, first)];
  };
  return {
    append(record) {
      const line = chain.next(record);
      ring[line.seq % maxRecords] = { record, line };
    },
    flush() {},
    close() {},
    records: () => kept().map(({ record }) => record),
    lines: () => kept().map(({ line }) => storedLine(line)),
    get evicted() {
      return chain.position.seq - ring.length;
    },
    get start() {
      const first = kept()[0];
      return first === undefined ? CHAIN_START : { seq: first.line.seq, prev: first.line.prev };
    },
    get end() {
      return chain.position;
    },
  };
}
