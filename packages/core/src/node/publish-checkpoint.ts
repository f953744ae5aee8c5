import type { ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { isThenable } from "../base/maybe-promise.ts";
import type { Logger } from "../base/ports.ts";

/** Hands the record of a checkpoint to another sink; that it could not be taken is logged, and sealing goes on. */
export function publishCheckpoint(
  record: ControlRecord,
  sink: Pick<AuditSink, "append"> | undefined,
  logger: Logger,
): void {
  // What cannot be published now is covered by the next checkpoint.
  const failed = (error: unknown): void => logger.error("a checkpoint could not be published", { error });
  try {
    const done = sink?.append(record, "buffered");
    if (isThenable(done)) done.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
