import { setTimeout as wait } from "node:timers/promises";

import { createAgentPlane } from "../../src/plane.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";

// Another process of the same application: a call of it runs until it is cut, and says when that was.

const [, , path = ""] = process.argv;
const plane = createAgentPlane({ state: sqliteState({ path }) });
await plane.ready();
process.on("message", () => void run());
process.on("disconnect", () => void plane.close());
process.send?.("ready");

/** Runs one call until it is cut. One that the last kill still stops is tried again: its end may be seen here later. */
async function run(): Promise<void> {
  const context = plane.guard.context({
    hookpoint: "before_tool_call",
    agent: "billing",
    tool: { name: "export" },
  });
  let hasRun = false;
  while (!hasRun) {
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
    await plane.guard.toolCall({
      context,
      run: ({ signal }) =>
        new Promise((resolve) => {
          hasRun = true;
          signal.addEventListener("abort", () => {
            // One clock for all processes of a machine.
            process.send?.(["cut", process.hrtime.bigint().toString()]);
            resolve(undefined);
          });
          process.send?.(["running"]);
        }),
    });
    // oxlint-disable-next-line no-await-in-loop -- what changed is heard between two attempts
    if (!hasRun) await wait(5);
  }
}
