import type { Connection } from "./connection.ts";
import { tellSubscriptions } from "./subscription.ts";

/** Changes of a plane after which a tool may be visible that was not, or the other way round. */
const ACTIONS = /^(?:plug|unplug|mode|policies|policy|configuration)/;
const CHANGED = "notifications/tools/list_changed";
/** Changes come in groups: one word about all of them is enough. */
const GATHER_MS = 20;

/**
 * Tells the client that the list of tools has changed whenever a policy, plug or mode has.
 * @returns Ends it.
 */
export function watchVisibleTools(connection: Connection): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = connection.options.plane.on("control", ({ action }) => {
    if (!ACTIONS.test(action) || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      // Before it has begun a client expects nothing, and knows no list.
      if (connection.initialize !== undefined) connection.tellClient(CHANGED);
      tellSubscriptions(connection);
    }, GATHER_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
