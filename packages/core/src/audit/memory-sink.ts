import { createPorts } from "../base/runtime.ts";
import { ConfigError } from "../base/errors.ts";
import { memberIssues } from "../base/member-issues.ts";
import type { Hash } from "../base/ports.ts";
import { JsonText, SharedJson, type JsonTarget } from "../base/json-target.ts";
import { textOfUtf8 } from "../base/utf8.ts";
import type { AuditRecord } from "./audit-record.ts";
import type { AuditSink } from "./audit-sink.ts";
import { CHAIN_START, storedLine, type ChainPosition } from "./chain.ts";
import { LineLog } from "./line-log.ts";
import { addRecord } from "./record-text.ts";
import { wellFormed } from "./well-formed.ts";

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
 * @throws ConfigError when `maxRecords` is not such a number, or for an option that does not exist
 */
export function memorySink(options: { readonly hash?: Hash; readonly maxRecords?: number } = {}): MemorySink {
  const { hash = createPorts().hash, maxRecords = DEFAULT_MAX_RECORDS } = options;
  const issues = [...memberIssues("", options, ["hash", "maxRecords"])];
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
    issues.push({ path: "maxRecords", message: `must be a whole number from 1, not ${maxRecords}` });
  if (issues.length > 0) throw new ConfigError("memorySink", issues);
  const log = new LineLog(maxRecords);
  let { seq, prev } = CHAIN_START;
  /** What `createChain` makes a text of. */
  const addLine = (to: JsonTarget, record: AuditRecord): void => {
    to.addShared(PREV);
    to.addRaw(prev);
    to.addShared(RECORD);
    addRecord(to, record);
    to.addShared(SEQ);
    to.add(`${seq}`);
    to.add("}");
  };
  const writtenWhole = (record: AuditRecord): Uint8Array => {
    const json = new JsonText();
    addLine(json, record);
    return log.write(wellFormed(json.take()));
  };
  return {
    append(record) {
      log.begin();
      addLine(log, record);
      const line = log.end() ?? writtenWhole(record);
      prev = hash.sha256Bytes === undefined ? hash.sha256(textOfUtf8(line)) : hash.sha256Bytes(line);
      seq += 1;
    },
    flush() {},
    close() {},
    records: () => log.texts().map((text) => contentOf(text).record),
    lines() {
      const texts = log.texts();
      // The hash of a line is what the next one names.
      return texts.map((text, at) => storedLine({ hash: prevOf(texts[at + 1]) ?? prev, text }));
    },
    get evicted() {
      return seq - log.size;
    },
    get start() {
      const [first] = log.texts();
      if (first === undefined) return CHAIN_START;
      const { seq: number, prev: before } = contentOf(first);
      return { seq: number, prev: before };
    },
    get end() {
      return { seq, prev };
    },
  };
}

function contentOf(text: string): ChainPosition & { readonly record: AuditRecord } {
  // This sink wrote the text from a record.
  return JSON.parse(text) as ChainPosition & { readonly record: AuditRecord };
}

function prevOf(text: string | undefined): string | undefined {
  return text?.slice(PREV_AT, PREV_AT + HASH_CHARS);
}

const PREV = new SharedJson(`{"prev":"`);
const RECORD = new SharedJson(`","record":`);
const SEQ = new SharedJson(`,"seq":`);
const PREV_AT = PREV.text.length;
const HASH_CHARS = 64;
