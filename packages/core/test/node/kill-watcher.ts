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

async function run(): Promise<void> {
  // The end of the last kill may be seen here later: what it still stops is tried again.
  // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
  while (!(await hasRun())) await wait(5);
}

/** Makes one call that runs until it is cut. @returns Whether it ran at all. */
async function hasRun(): Promise<boolean> {
  const context = plane.guard.context({
    hookpoint: "before_tool_call",
    agent: "billing",
    tool: { name: "export" },
  });
  let didRun = false;
  await plane.guard.toolCall({
    context,
    run: ({ signal }) =>
      new Promise((resolve) => {
        didRun = true;
        signal.addEventListener("abort", () => {
          // One clock for all processes of a machine.
          process.send?.(["cut", process.hrtime.bigint().toString()]);
          resolve(undefined);
        });
        process.send?.(["running"]);
      }),
  });
  return didRun;
}
