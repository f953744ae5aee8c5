import { errorText } from "../base/error-text.ts";
import { isThenable } from "../base/maybe-promise.ts";
import type { Logger } from "../base/ports.ts";

/**
 * Tells a listener, and reports its failure instead of passing it on: who listens must not be able to keep a kill or an
 * answer from being stored, nor the others from hearing of it.
 * @param what It listens to, for the report.
 */
export function tellListener(listener: () => void, what: string, logger: Logger): void {
  const report = (error: unknown): void =>
    logger.error(`a listener to ${what} failed`, {
      error: errorText(error),
    });
  try {
    // A listener may be an async function, whatever its type says.
    const told: unknown = listener();
    if (isThenable(told)) told.then(undefined, report);
  } catch (error) {
    report(error);
  }
}
