import { once } from "node:events";

import { createAgentPlane } from "../../src/plane.ts";
import { callOf, planeOptions } from "./one-call.ts";
import { openStore, type StoreAddress } from "./storm-plan.ts";

// An engine process: runs a payment that a human has allowed, and a look, and is killed while both run.

const [store] = (await once(process, "message")) as [StoreAddress];
const plane = createAgentPlane(planeOptions(await openStore(store)));
await plane.ready();
await Promise.all(
  (["pay", "look"] as const).map(async (tool) =>
    plane.guard.toolCall({
      context: plane.guard.context(callOf(tool, tool)),
      run() {
        process.send?.(tool);
        return new Promise(() => undefined);
      },
    }),
  ),
);
