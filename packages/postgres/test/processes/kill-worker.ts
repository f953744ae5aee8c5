// A process with a plane on shared state: says when a kill reaches it.
import { createAgentPlane } from "@agentplane/core";

import { postgresState } from "../../src/postgres-state.ts";

/** What it says when the tool was told to stop: when, in epoch ms. */
export interface Stopped {
  readonly stoppedMs: number;
}

const [, , connectionString = "", schema = "", listen = "true"] = process.argv;
const plane = createAgentPlane({
  state: postgresState({ connectionString, schema, listen: listen === "true", pollMs: 200 }),
});
await plane.ready();
const { guard } = plane;
let isRunning = false;

/** A tool that runs until it is told to stop. */
async function run(): Promise<void> {
  const outcome = await guard.toolCall({
    context: {
      hookpoint: "before_tool_call",
      agent: "worker",
      session: "s",
      tool: { name: "long", input: {} },
    },
    run: ({ signal }) =>
      new Promise((resolve) => {
        isRunning = true;
        process.send?.("ready");
        signal.addEventListener("abort", () => {
          const stopped: Stopped = { stoppedMs: Date.now() };
          resolve(process.send?.(stopped));
        });
      }),
  });
  process.send?.({ status: outcome.status });
}

// Keeps the process for as long as its parent holds the channel.
process.on("message", () => undefined);
await run().catch((error: unknown) => process.send?.({ error: String(error), isRunning }));
