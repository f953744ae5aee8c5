import { createPorts } from "../base/runtime.ts";
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

/**
 * Keeps the newest records in this process, chained like every audit trail; what is evicted is counted.
 * @param options `hash`: default the platform's SHA-256. `maxRecords`: whole number ≥ 1, default 10,000.
 * @throws ConfigError when `maxRecords` is not such a number
 */
export function memorySink(options: { readonly hash?: Hash; readonly maxRecords?: number } = {}): MemorySink {
  const { hash = createPorts().hash, maxRecords = DEFAULT_MAX_RECORDS } = options;
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1) {
    const message = `must be a whole number from 1, not ${maxRecords}`;
    throw new ConfigError("memorySink", [{ path: "maxRecords", message }]);
  }
  const chain = createChain(hash);
  // A ring that grows with use: the record of number n lies at n % maxRecords.
  // Texts alone: ten thousand records of small objects would cost the collector more than the calls they are about.
  const ring: ChainedLine[] = [];
  const kept = (): readonly ChainedLine[] => {
    const first = chain.position.seq % maxRecords;
    return ring.length < maxRecords ? ring.slice() : [...ring.slice(first), ...ring.slice(0, first)];
  };
  return {
    append(record) {
      const line = chain.next(record);
      ring[line.seq % maxRecords] = line;
    },
    flush() {},
    close() {},
    records: () => kept().map(recordOf),
    lines: () => kept().map(storedLine),
    get evicted() {
      return chain.position.seq - ring.length;
    },
    get start() {
      const first = kept()[0];
      return first === undefined ? CHAIN_START : { seq: first.seq, prev: first.prev };
    },
    get end() {
      return chain.position;
    },
  };
}

function recordOf({ text }: ChainedLine): AuditRecord {
  // This sink wrote the text from a record.
  const { record } = JSON.parse(text) as { readonly record: AuditRecord };
  return record;
}
