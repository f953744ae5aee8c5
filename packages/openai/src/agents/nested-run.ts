import { AsyncLocalStorage } from "node:async_hooks";

/** An agent inside a tool, while it runs. */
interface NestedRun {
  hasEnded: boolean;
}

const storage = new AsyncLocalStorage<NestedRun>();

/** Thrown inside the plane's call when the agent inside a tool waits for a human: the call is not over. */
export class NestedPause extends Error {
  override readonly name = "NestedPause";
}

/** Notes that an agent came to its end; the SDK tells it to listeners, and of a paused run it tells nothing. */
export function noteAgentEnd(): void {
  const nested = storage.getStore();
  if (nested !== undefined) nested.hasEnded = true;
}

/**
 * Runs a tool that runs an agent.
 * @throws NestedPause when that agent has not come to its end: the SDK gives an empty text then, and goes on with the very
 *   call later
 */
export async function runNested(run: () => Promise<unknown>): Promise<unknown> {
  const nested: NestedRun = { hasEnded: false };
  const output = await storage.run(nested, run);
  if (output === "" && !nested.hasEnded) throw new NestedPause("the agent inside the tool waits for a human");
  return output;
}
