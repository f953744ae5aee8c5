import type { Connection } from "./connection.ts";
import { tellChanged } from "./subscription.ts";

/** Changes of a plane after which something may be visible that was not, or the other way round. */
const ACTIONS = /^(?:plug|unplug|mode|policies|policy|configuration)/;
/** Changes come in groups: one word about all of them is enough. */
const GATHER_MS = 20;

/**
 * Tells the client that its lists may have changed whenever a policy, plug or mode has.
 * @returns Ends it.
 */
export function watchVisibleTools(connection: Connection): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = connection.options.plane.on("control", ({ action }) => {
    if (!ACTIONS.test(action) || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      tellChanged(connection);
    }, GATHER_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
