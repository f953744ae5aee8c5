import type { Connection } from "../connection/connection.ts";
import { tellChanged } from "./subscription.ts";

/** Changes of a plane's policies after which something may be visible that was not, or the other way round. */
const ACTIONS = /^(?:policies|policy|configuration)/;
/** Changes come in groups: one word about all of them is enough. */
const GATHER_MS = 20;
/** What a timer can wait for. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Tells the client that its lists may have changed whenever a policy has, a plug or mode, here or in another process, and
 * when the time of a mode runs out.
 * @returns Ends it.
 */
export function watchVisibleTools(connection: Connection): () => void {
  const { plane } = connection.options;
  const { controls } = plane;
  let telling: ReturnType<typeof setTimeout> | undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;
  const tellSoon = (): void => {
    telling ??= setTimeout(() => {
      telling = undefined;
      tellChanged(connection);
    }, GATHER_MS);
  };
  const waitForEnd = (): void => {
    clearTimeout(ending);
    const nowMs = Date.now();
    const next = controls.status().modes.flatMap(({ untilMs = 0 }) => (untilMs > nowMs ? [untilMs] : []));
    if (next.length === 0) return;
    const endMs = Math.min(...next);
    ending = setTimeout(
      () => {
        if (Date.now() >= endMs) tellSoon();
        waitForEnd();
      },
      // What is waited for must be over then.
      Math.min(endMs - nowMs + 1, LONGEST_MS),
    );
    // A mode keeps nobody waiting who wants to end.
    ending.unref();
  };
  const ends = [
    plane.on("control", ({ action }) => (ACTIONS.test(action) ? tellSoon() : undefined)),
    controls.subscribe(() => {
      tellSoon();
      waitForEnd();
    }),
  ];
  waitForEnd();
  return () => {
    for (const end of ends) end();
    clearTimeout(telling);
    clearTimeout(ending);
  };
}
