import { errorText } from "../base/error-text.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { EngineParts } from "./engine-parts.ts";

interface OnDuty {
  readonly parts: Pick<EngineParts, "ports">;
}

/** Runs a duty of a call's end that no policy gates; its failure is loud and answers false. */
export function guarded<Ending extends OnDuty>(
  what: string,
  work: (ending: Ending) => MaybePromise<void>,
  ending: Ending,
): MaybePromise<boolean> {
  try {
    const done = work(ending);
    return isThenable(done) ? guardedLater(what, done, ending) : true;
  } catch (error) {
    return reportFailure(what, error, ending);
  }
}

function guardedLater(what: string, done: Promise<void>, ending: OnDuty): Promise<boolean> {
  return done.then(
    () => true,
    (error: unknown) => reportFailure(what, error, ending),
  );
}

function reportFailure(what: string, error: unknown, { parts }: OnDuty): false {
  parts.ports.logger.error(`${what} of a finished call failed`, { error: errorText(error) });
  return false;
}
