import { errorText } from "../base/error-text.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Clock, Logger } from "../base/ports.ts";
import { AuditGap } from "./audit-gap.ts";
import type { AuditSink } from "./audit-sink.ts";

/** What is needed beside the sink. */
export interface OptionalSinkOptions {
  /** For the log. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "wallMs">;
}

/** No call waits for the sink, so nothing else keeps what waits for it from filling the memory. */
const MAX_WAITING = 10_000;

/**
 * Makes a sink one that no call waits for and that fails none: what it cannot take is counted, and the count follows as
 * a record as soon as it takes records again.
 */
export function optionalSink(sink: AuditSink, options: OptionalSinkOptions): AuditSink {
  const outlet = new Outlet(sink, options);
  return {
    append: (record) => outlet.append(record),
    flush: () => outlet.end("flushed", () => sink.flush()),
    close() {
      outlet.tellLost();
      return outlet.end("closed", () => sink.close());
    },
  };
}

class Outlet {
  readonly #sink: AuditSink;
  readonly #options: OptionalSinkOptions;
  #gap: AuditGap;
  /** Records of which the sink has not said that it has them. */
  #waiting = 0;

  constructor(sink: AuditSink, options: OptionalSinkOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#gap = new AuditGap(options.clock);
  }

  append(record: Parameters<AuditSink["append"]>[0]): void {
    if (this.#waiting >= MAX_WAITING) return this.#lose(new Error("it does not keep up"));
    const done = run(() => this.#sink.append(record, "buffered"), {
      worked: () => this.#tellGap(),
      failed: (error) => this.#lose(error),
    });
    if (!isThenable(done)) return;
    this.#waiting++;
    void done.then(() => void this.#waiting--);
  }

  /** Waits for a flush or a close, and logs that it failed. */
  end(what: string, act: () => MaybePromise<void>): MaybePromise<void> {
    const { name, logger } = this.#options;
    const failed = (error: unknown): void =>
      logger.error(`the audit sink ${name} could not be ${what} (${errorText(error)})`, { sink: name });
    return run(act, { worked: () => undefined, failed });
  }

  /** The last word on what the sink never heard of. */
  tellLost(): void {
    const { name, logger } = this.#options;
    const { lost } = this.#gap;
    if (lost > 0)
      logger.error(`the audit sink ${name} never got ${lost} of the records`, { sink: name, records: lost });
  }

  #lose(error: unknown): void {
    const { name, logger } = this.#options;
    const why = errorText(error);
    if (!this.#gap.isOpen)
      logger.error(`the audit sink ${name} takes no records (${why}); calls go on`, { sink: name });
    this.#gap.add(1, why);
  }

  #tellGap(): void {
    const told = this.#gap;
    const record = told.record();
    if (record === undefined) return;
    const { name, logger, clock } = this.#options;
    // What is lost from now on is another gap, unless this one cannot be told either.
    this.#gap = new AuditGap(clock);
    void run(() => this.#sink.append(record, "buffered"), {
      worked: () =>
        logger.warn(`the audit sink ${name} takes records again; it lacks ${told.lost}`, {
          sink: name,
          records: told.lost,
        }),
      failed: (error) => {
        told.add(this.#gap.lost, errorText(error));
        this.#gap = told;
      },
    });
  }
}

interface Ends {
  worked(): void;
  failed(error: unknown): void;
}

/** Never throws nor rejects. */
function run(act: () => MaybePromise<void>, { worked, failed }: Ends): MaybePromise<void> {
  try {
    const done = act();
    if (isThenable(done)) return Promise.resolve(done).then(worked, failed);
  } catch (error) {
    return failed(error);
  }
  return worked();
}
