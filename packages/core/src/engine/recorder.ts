import { requireChoice, requireFunction } from "../base/argument.ts";
import { errorText } from "../base/error-text.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { AuditRecord, ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";

/** Called after a record was handed to the sink; a throw is logged and changes nothing. */
export type RecordListener<Kind extends AuditRecord["kind"]> = (
  record: Extract<AuditRecord, { kind: Kind }>,
) => void;

/** The audit sink with listeners beside it. */
export interface Recorder extends AuditSink {
  on<Kind extends AuditRecord["kind"]>(kind: Kind, listener: RecordListener<Kind>): () => void;
  /** Writes a control record; its failure is loud. */
  control(record: Omit<ControlRecord, "kind" | "at">): void;
}

/** Wraps a sink so that dashboards, examples and tests can follow what is recorded. */
export function createRecorder(sink: AuditSink, ports: Ports): Recorder {
  const listeners = new Map<string, Set<(record: AuditRecord) => void>>();
  const tell = (record: AuditRecord): void => {
    for (const listener of listeners.get(record.kind) ?? []) {
      try {
        listener(record);
      } catch (error) {
        ports.logger.error("a record listener failed", {
          error: errorText(error),
        });
      }
    }
  };
  const append = (record: AuditRecord, mode: "durable" | "buffered"): MaybePromise<void> => {
    const written = sink.append(record, mode);
    if (listeners.size > 0) tell(record);
    return written;
  };
  return {
    append,
    flush: () => sink.flush(),
    close: () => sink.close(),
    on(kind, listener) {
      requireChoice("plane.on: kind", kind, KINDS);
      requireFunction("plane.on: listener", listener);
      const known = listeners.get(kind) ?? new Set();
      listeners.set(kind, known);
      // The set of a kind only ever receives records of that kind.
      const any = listener as (record: AuditRecord) => void;
      known.add(any);
      return () => {
        known.delete(any);
        if (known.size === 0) listeners.delete(kind);
      };
    },
    control(record) {
      const fail = (error: unknown): void => {
        ports.logger.error("a control record could not be written", {
          action: record.action,
          error: errorText(error),
        });
      };
      try {
        const written = append({ kind: "control", at: ports.clock.wallMs(), ...record }, "buffered");
        if (isThenable(written)) written.catch(fail);
      } catch (error) {
        fail(error);
      }
    },
  };
}

const KINDS = ["decision", "outcome", "control"] as const satisfies readonly AuditRecord["kind"][];
