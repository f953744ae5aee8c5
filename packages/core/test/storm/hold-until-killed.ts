import { once } from "node:events";
import { openSync, writeSync } from "node:fs";

import { createAgentPlane } from "../../src/plane.ts";
import { AGENT, CALLS, planeOptions } from "./held-calls.ts";
import { openStore, type StoreAddress } from "./storm-plan.ts";

/** What the process is told. */
export interface HoldOrders {
  readonly store: StoreAddress;
  /** Gets one byte for each call that runs. */
  readonly log: string;
}

// An engine process: begins a thousand calls at once, of which none ever ends, and is killed in the middle.

const [{ store, log }] = (await once(process, "message")) as [HoldOrders];
const file = openSync(log, "a");
const plane = createAgentPlane(planeOptions(await openStore(store)));
await plane.ready();
process.send?.("ready");
await Promise.all(
  Array.from({ length: CALLS }, async (_, index) => {
    // Others want their turn, too, where a store answers at once.
    await new Promise((resolve) => setImmediate(resolve));
    return plane.guard.toolCall({
      context: plane.guard.context({
        hookpoint: "before_tool_call",
        agent: AGENT,
        tool: { name: "long", input: { index } },
      }),
      run() {
        writeSync(file, "x");
        return new Promise(() => undefined);
      },
    });
  }),
);
