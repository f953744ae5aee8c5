import { AgentplaneError, type Admission } from "@agentplane/core";

import type { GovernedPlane } from "../call/plane.ts";

/** What LangChain makes for a call is collected once nothing can tell of its end: so it is with a stream that nobody reads. */
const LEFT = new FinalizationRegistry<() => void>((leave) => leave());

/**
 * Lets what was reserved for a call that a callback handler is told of last as long as it runs.
 * @param made What LangChain makes for the call, and keeps until it has told of the end.
 * @returns Hears that a piece of a stream came: from then on each piece is the sign, because a reader that leaves tells nobody.
 */
export function signsOfLife(
  { guard }: GovernedPlane,
  admission: Admission,
  made: object | undefined,
): () => void {
  let leave = nothing;
  renew(guard, admission, new Promise((resolve) => (leave = resolve)));
  if (made !== undefined) LEFT.register(made, leave);
  return () => {
    leave();
    renew(guard, admission);
  };
}

function nothing(): void {}

function renew(guard: GovernedPlane["guard"], admission: Admission, running?: Promise<void>): void {
  try {
    guard.renew(admission, running);
  } catch (error) {
    // It is over for the plane, as after a kill: what becomes of the result is said at its end.
    if (!(error instanceof AgentplaneError) || error.code !== "usage_invalid") throw error;
  }
}
