import type { Denied, Outcome } from "@agentplane/core";
import type { Callbacks } from "@langchain/core/callbacks/manager";

import { BrokenOff } from "../content/broken-off.ts";
import type { ObservedCall } from "./observed-call.ts";
import type { ShownEnd } from "./observed-handler.ts";
import { LeftByCommand } from "../content/tool-result.ts";

/** Takes note of an observed call, and gives the callbacks that it is to be called with. */
export type Observing = (observed: ObservedCall) => Callbacks | undefined;

/**
 * Runs a governed call, and tells the callback handlers what everybody else gets of it: the judged result, what stands
 * for a withheld one, or the error.
 * @param refuse What stands for a result that is withheld.
 * @param isAsItCame Whether nothing was changed in what they would be told: then they are told that.
 */
export async function toldAtEnd<R>(
  call: (observing: Observing) => Outcome<R> | PromiseLike<Outcome<R>>,
  refuse: (denied: Denied) => unknown,
  isAsItCame: () => boolean = () => false,
): Promise<Outcome<R>> {
  const ends: NonNullable<ObservedCall["end"]>[] = [];
  const tell = async (shown: ShownEnd | undefined): Promise<void> => {
    for (const end of ends) {
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they ran
      await end(shown);
    }
  };
  try {
    const outcome = await call((observed) => {
      if (observed.end !== undefined) ends.push(observed.end);
      return observed.callbacks;
    });
    if (ends.length === 0) return outcome;
    if (outcome.status !== "ran") await tell({ result: refuse(outcome), isWithheld: true });
    else if (isAsItCame()) await tell(undefined);
    else if (outcome.result instanceof BrokenOff || outcome.result instanceof LeftByCommand)
      await tell({ error: outcome.result.error });
    else await tell({ result: outcome.result });
    return outcome;
  } catch (error) {
    if (ends.length > 0) await tell(isAsItCame() ? undefined : { error });
    throw error;
  }
}
