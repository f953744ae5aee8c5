import { strictEqual } from "node:assert/strict";

import type { AdapterDriver, AgentRun } from "../adapter-driver.ts";
import type { PlaneOptions } from "../../plane-options.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectStatus } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld, type World } from "./world.ts";

/** RATE_THROTTLE on every way to a call; it counts model and tool calls together, per agent. */
export const throttleScenarios: readonly Scenario[] = [
  scenario("RATE_THROTTLE.plain", [], (driver) => oneByOne(driver, false)),
  scenario("RATE_THROTTLE.stream", ["model", "stream"], (driver) => oneByOne(driver, true)),
  scenario("RATE_THROTTLE.parallel", ["parallel"], async (driver) => {
    const world = await throttled(driver, 4);
    const turn = calling(
      ...["o1", "o2", "o3", "o4", "o5", "o6"].map((id) => call(`c-${id}`, "read_order", { id })),
    );
    expectSlots(world, await world.run({ turns: [turn], tools: [world.tool("read_order")] }), 4);
  }),
  scenario("RATE_THROTTLE.retry", ["retry"], async (driver) => {
    const world = await throttled(driver, 3);
    const failing = world.tool("read_order", () => {
      throw new Error("the connection was lost");
    });
    const script = { turns: [calling(call("c1", "read_order"))], tools: [failing] };
    expectSlots(world, await world.run(script, { retries: 5 }), 3);
  }),
  scenario("RATE_THROTTLE.resume", ["model", "resume"], async (driver) => {
    const world = await throttled(driver, 3, { policies: [askingFor("read_order")] });
    const turns = [calling(call("c1", "read_order")), saying("finished")];
    const paused = await world.run({ turns, tools: [world.tool("read_order")] });
    expectStatus(paused, "pending");
    const run = await driver.resume(paused, await answerAll(world, "approve"));
    expectCount(world, "read_order", 1);
    strictEqual(run.text, "finished", "the paused call took more than one slot");
  }),
  scenario("RATE_THROTTLE.replay", ["model"], async (driver) => {
    const world = await throttled(driver, 5);
    const turns = [calling(call("c1", "read_order")), saying("finished")];
    const script = { turns, tools: [world.tool("read_order")] };
    expectStatus(await world.run(script), "done");
    const replay = await world.run(script);
    expectCount(world, "read_order", 1);
    strictEqual(replay.text, "finished", "the replayed call took a slot");
  }),
  scenario("RATE_THROTTLE.nested", ["model", "nested"], async (driver) => {
    const world = await throttled(driver, 3);
    const turns = ["o1", "o2", "o3"].map((id) => calling(call(`i-${id}`, "read_order", { id })));
    const inner = world.delegate(turns, [world.tool("read_order")]);
    const run = await world.run({ turns: [calling(call("c1", "delegate"))], tools: [inner] });
    const innerCalls = run.modelCalls.filter(({ agent }) => agent === "helper").length;
    strictEqual(
      innerCalls + world.count("read_order"),
      3,
      "the inner agent is not throttled as its parent is",
    );
  }),
];

async function throttled(
  driver: AdapterDriver,
  perMinute: number,
  options: PlaneOptions = {},
): Promise<World> {
  const world = createWorld(driver, options);
  const scope = { kind: "agent", id: "support", tenant: "acme" } as const;
  await world.plane.controls.degrade(scope, { mode: "RATE_THROTTLE", perMinute }, { by: "olga" });
  return world;
}

async function oneByOne(driver: AdapterDriver, isStreaming: boolean): Promise<void> {
  const world = await throttled(driver, 4);
  const turns = ["o1", "o2", "o3", "o4", "o5", "o6"].map((id) =>
    calling(call(`c-${id}`, "read_order", { id })),
  );
  expectSlots(world, await world.run({ turns, tools: [world.tool("read_order")] }, { isStreaming }), 4);
}

function expectSlots(world: World, { modelCalls }: AgentRun, slots: number): void {
  const taken = modelCalls.length + world.executions.length;
  strictEqual(taken, slots, `${taken} calls were made where the mode allows ${slots}`);
}
