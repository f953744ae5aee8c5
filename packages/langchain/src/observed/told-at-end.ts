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
  const ends: End[] = [];
  try {
    const outcome = await call((observed) => {
      if (observed.end !== undefined) ends.push(observed.end);
      return observed.callbacks;
    });
    if (ends.length > 0) await tell(ends, shownOf(outcome, { refuse, isAsItCame }));
    return outcome;
  } catch (error) {
    if (ends.length > 0) await tell(ends, isAsItCame() ? undefined : { error });
    throw error;
  }
}

type End = NonNullable<ObservedCall["end"]>;

async function tell(ends: readonly End[], shown: ShownEnd | undefined): Promise<void> {
  for (const end of ends) {
    // oxlint-disable-next-line no-await-in-loop -- in the order in which they ran
    await end(shown);
  }
}

function shownOf<R>(
  outcome: Outcome<R>,
  {
    refuse,
    isAsItCame,
  }: { readonly refuse: (denied: Denied) => unknown; readonly isAsItCame: () => boolean },
): ShownEnd | undefined {
  if (outcome.status !== "ran") return { result: refuse(outcome), isWithheld: true };
  if (isAsItCame()) return undefined;
  const { result } = outcome;
  if (result instanceof BrokenOff || result instanceof LeftByCommand) return { error: result.error };
  return { result };
}
