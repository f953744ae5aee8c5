import { requireMembers } from "../base/argument.ts";
import { ConfigError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Clock, Logger } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import type { AuditRecord } from "./audit-record.ts";
import type { AuditSink } from "./audit-sink.ts";
import { optionalSink } from "./optional-sink.ts";

/** One of several sinks. */
export interface FanOutTarget {
  readonly sink: AuditSink;
  /** For the log. */
  readonly name: string;
  /**
   * `false`: no call waits for it; what it cannot take is logged, counted, and told to it by a record `audit_gap` when it
   * takes records again. Default true: `onAuditError` decides.
   */
  readonly isRequired?: boolean;
}

/**
 * Gives every record to several sinks, in the order of the list. A durable record is done when every required sink has
 * it; a sink that fails does not keep a record from the others.
 * @param targets At least one required.
 * @param ports `logger`: hears once that a sink which is not required fails, and once that it works again. `clock`: says
 *   when. Default: the platform's.
 * @throws ConfigError when no sink is required: nothing would then be sure to be recorded
 * @example fanOutSink([{ name: "file", sink: jsonlSink({ directory }) }, { name: "otel", sink: otel, isRequired: false }])
 */
export function fanOutSink(
  targets: readonly FanOutTarget[],
  ports: { readonly logger?: Logger; readonly clock?: Clock } = {},
): AuditSink {
  for (const target of targets)
    requireMembers("fanOutSink: a target", target, ["sink", "name", "isRequired"]);
  if (targets.every(({ isRequired }) => isRequired === false)) {
    const message = "must have a sink that is required; else a record may be lost without a call noticing";
    throw new ConfigError("fanOutSink", [{ path: "targets", message }]);
  }
  const { logger, clock } = createPorts(ports);
  const sinks = targets.map(({ sink, name, isRequired }) =>
    isRequired === false ? optionalSink(sink, { name, logger, clock }) : sink,
  );
  const all = (act: (sink: AuditSink) => MaybePromise<void>): MaybePromise<void> =>
    settled(sinks.map((sink) => outcomeOf(() => act(sink))));
  return {
    append: (record: AuditRecord, mode) => all((sink) => sink.append(record, mode)),
    flush: () => all((sink) => sink.flush()),
    close: () => all((sink) => sink.close()),
  };
}

/** What came of one sink: nothing to wait for, a promise that never rejects, or what went wrong. */
type Outcome = Promise<Failure | undefined> | Failure | undefined;

interface Failure {
  readonly error: unknown;
}

function outcomeOf(act: () => MaybePromise<void>): Outcome {
  try {
    const done = act();
    if (!isThenable(done)) return undefined;
    return Promise.resolve(done).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

/** Waits only where there is something to wait for. */
function settled(outcomes: readonly Outcome[]): MaybePromise<void> {
  if (outcomes.some((outcome) => outcome instanceof Promise))
    return Promise.all(outcomes.map(async (outcome) => outcome)).then(throwFirst);
  // None of them is a promise.
  return throwFirst(outcomes as readonly (Failure | undefined)[]);
}

function throwFirst(failures: readonly (Failure | undefined)[]): void {
  const failure = failures.find((one) => one !== undefined);
  if (failure !== undefined) throw failure.error;
}
