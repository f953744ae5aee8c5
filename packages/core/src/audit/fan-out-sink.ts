import { ConfigError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Logger } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import type { AuditRecord } from "./audit-record.ts";
import type { AuditSink } from "./audit-sink.ts";

/** One of several sinks. */
export interface FanOutTarget {
  readonly sink: AuditSink;
  /** For the log. */
  readonly name: string;
  /** `false`: a record that it cannot take is logged, and the call goes on. Default true: `onAuditError` decides. */
  readonly isRequired?: boolean;
}

/**
 * Gives every record to several sinks, in the order of the list. A durable record is done when every required sink has
 * it; a sink that fails does not keep a record from the others.
 * @param targets At least one required.
 * @param ports `logger`: hears once that a sink which is not required fails, and once that it works again.
 * @throws ConfigError when no sink is required: nothing would then be sure to be recorded
 * @example fanOutSink([{ name: "file", sink: jsonlSink({ directory }) }, { name: "otel", sink: otel, isRequired: false }])
 */
export function fanOutSink(
  targets: readonly FanOutTarget[],
  { logger = createPorts().logger }: { readonly logger?: Logger } = {},
): AuditSink {
  if (targets.every(({ isRequired }) => isRequired === false)) {
    const message = "must have a sink that is required; else a record may be lost without a call noticing";
    throw new ConfigError("fanOutSink", [{ path: "targets", message }]);
  }
  const outlets = targets.map((target) => new Outlet(target, logger));
  const all = (act: (sink: AuditSink) => MaybePromise<void>): MaybePromise<void> =>
    settled(outlets.map((outlet) => outlet.run(act)));
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

class Outlet {
  readonly #target: FanOutTarget;
  readonly #logger: Logger;
  #isFailing = false;

  constructor(target: FanOutTarget, logger: Logger) {
    this.#target = target;
    this.#logger = logger;
  }

  run(act: (sink: AuditSink) => MaybePromise<void>): Outcome {
    try {
      const done = act(this.#target.sink);
      if (!isThenable(done)) return this.#worked();
      return Promise.resolve(done).then(
        () => this.#worked(),
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
  }

  #worked(): undefined {
    const { name } = this.#target;
    if (this.#isFailing) this.#logger.warn(`the audit sink ${name} takes records again`, { sink: name });
    this.#isFailing = false;
  }

  #failed(error: unknown): Failure | undefined {
    const { name, isRequired = true } = this.#target;
    if (isRequired) return { error };
    const why = error instanceof Error ? error.message : "unknown";
    if (!this.#isFailing)
      this.#logger.error(`the audit sink ${name} takes no records (${why}); calls go on`, { sink: name });
    this.#isFailing = true;
    return undefined;
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
