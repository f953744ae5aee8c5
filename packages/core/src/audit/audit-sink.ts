import type { MaybePromise } from "../base/maybe-promise.ts";
import type { AuditRecord } from "./audit-record.ts";

/** Where audit records go. */
export interface AuditSink {
  /**
   * Takes a record. With `durable` the returned promise settles when the record has reached the disk; with `buffered`
   * it returns at once. A throw or rejection follows `onAuditError`.
   */
  append(record: AuditRecord, mode: "durable" | "buffered"): MaybePromise<void>;
  /** Settles when everything taken so far is written. */
  flush(): MaybePromise<void>;
  close(): MaybePromise<void>;
}
