import { ok } from "node:assert/strict";

import type { AdapterDriver } from "../adapter-driver.ts";
import { expectCount, expectHidden } from "./expectations.ts";
import { TOTAL_RESTRICTIONS } from "./restriction.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling } from "./script-parts.ts";
import { stopped } from "./total-restrictions.ts";
import { createWorld } from "./world.ts";

/** What only unplugging does, and streams that are stopped. */
export const killScenarios: readonly Scenario[] = [
  scenario("kill.stream", ["model", "stream"], cutStream),
  scenario("kill.signal", [], firesSignal),
  scenario("kill.hidden", ["model", "hiding"], hiddenTool),
  scenario("FULL_BLOCK.stream", ["model", "stream"], async (driver) => {
    for (const restriction of TOTAL_RESTRICTIONS.filter(({ feature }) => feature === "FULL_BLOCK")) {
      // oxlint-disable-next-line no-await-in-loop -- one driver plays one run at a time
      await stopped(driver, restriction, true);
    }
  }),
];

async function cutStream(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver);
  const turn = {
    text: ["one ", "two ", "three ", "four"],
    beforePiece: async (piece: number) => {
      if (piece !== 2) return;
      await world.plane.controls.unplug({ kind: "agent", id: "support" }, { by: "olga", reason: "stop" });
    },
  };
  const run = await world.run({ turns: [turn], tools: [] }, { isStreaming: true });
  ok(run.pieces.join("").startsWith("one "), "the stream did not begin");
  expectHidden(run, "three");
  expectHidden(run, "four");
}

async function firesSignal(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver);
  const begin = world.tool("begin", async (_input, signal) => {
    ok(signal !== undefined, "the tool was given no signal");
    ok(!signal.aborted, "the signal fired before its time");
    await world.plane.controls.unplug({ kind: "agent", id: "support" }, { by: "olga", reason: "stop" });
    return "begun";
  });
  await world.run({ turns: [calling(call("c1", "begin"))], tools: [begin] });
  expectCount(world, "begin", 1);
  for (const { signal } of world.executions) ok(signal?.aborted === true, "the tool's signal did not fire");
}

async function hiddenTool(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver);
  await world.plane.controls.unplug({ kind: "tool", id: "delete_order" }, { by: "olga", reason: "stop" });
  const tools = [world.tool("delete_order"), world.tool("read_order")];
  const run = await world.run({ turns: [calling(call("c1", "delete_order"))], tools });
  for (const { offered } of run.modelCalls) {
    ok(offered.includes("read_order"), "a tool that may be used is not offered");
    ok(!offered.includes("delete_order"), "delete_order is offered although it is unplugged");
  }
  expectCount(world, "delete_order", 0);
}
