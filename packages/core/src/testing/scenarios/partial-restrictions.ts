import { ok } from "node:assert/strict";

import type { AdapterDriver } from "../adapter-driver.ts";
import type { RequirementId } from "../requirements.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectRefused, expectStatus, expectSucceeded } from "./expectations.ts";
import { PARTIAL_RESTRICTIONS, type Restriction } from "./restriction.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld } from "./world.ts";

type PartialWay =
  | "plain"
  | "stream"
  | "parallel"
  | "retry"
  | "resume"
  | "replay"
  | "nested"
  | "hidden"
  | "invented";

/** What stops some tools, on every way to a call. */
export const partialRestrictionScenarios: readonly Scenario[] = PARTIAL_RESTRICTIONS.flatMap(
  (restriction) => {
    const on = (
      way: PartialWay,
      needs: Scenario["needs"],
      run: (driver: AdapterDriver, r: Restriction) => Promise<void>,
    ): Scenario =>
      // Every feature of this list crosses with each of these ways.
      scenario(`${restriction.feature}.${way}` as RequirementId, needs, (driver) => run(driver, restriction));
    return [
      on("plain", [], (driver, given) => twoTurns(driver, given, false)),
      on("stream", ["stream"], (driver, given) => twoTurns(driver, given, true)),
      on("parallel", ["parallel"], oneTurn),
      on("retry", ["retry"], retried),
      on("resume", ["resume"], resumed),
      on("replay", [], replayed),
      on("nested", ["nested"], nested),
      on("hidden", ["model", "hiding"], hidden),
      on("invented", [], invented),
    ];
  },
);

async function twoTurns(
  driver: AdapterDriver,
  { forbidden, impose }: Restriction,
  isStreaming: boolean,
): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  const turns = [calling(call("c1", forbidden)), calling(call("c2", "read_order")), saying("fin", "ished")];
  const run = await world.run(
    { turns, tools: [world.tool(forbidden), world.tool("read_order")] },
    { isStreaming },
  );
  expectCount(world, forbidden, 0);
  expectCount(world, "read_order", 1);
  expectRefused(run, "c1");
  expectSucceeded(run, "c2");
  expectStatus(run, "done");
}

async function oneTurn(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  const turn = calling(
    call("c1", "read_order"),
    call("c2", forbidden),
    call("c3", "read_order", { id: "o2" }),
  );
  const run = await world.run({ turns: [turn], tools: [world.tool("read_order"), world.tool(forbidden)] });
  expectCount(world, forbidden, 0);
  expectCount(world, "read_order", 2);
  expectRefused(run, "c2");
}

async function retried(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  const failing = world.tool(forbidden, async () => {
    await impose(world);
    throw new Error("the connection was lost");
  });
  await world.run({ turns: [calling(call("c1", forbidden))], tools: [failing] }, { retries: 2 });
  expectCount(world, forbidden, 1);
}

async function resumed(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver, { policies: [askingFor(forbidden)] });
  const paused = await world.run({ turns: [calling(call("c1", forbidden))], tools: [world.tool(forbidden)] });
  expectStatus(paused, "pending");
  await impose(world);
  await driver.resume(paused, await answerAll(world, "approve"));
  expectCount(world, forbidden, 0);
}

async function replayed(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  const script = { turns: [calling(call("c1", forbidden))], tools: [world.tool(forbidden)] };
  await world.run(script);
  const replay = await world.run(script);
  expectCount(world, forbidden, 0);
  expectRefused(replay, "c1");
}

async function nested(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  const turns = [calling(call("i1", forbidden)), calling(call("i2", "read_order")), saying("inner")];
  const inner = world.delegate(turns, [world.tool(forbidden), world.tool("read_order")]);
  await world.run({ turns: [calling(call("c1", "delegate"))], tools: [inner] });
  expectCount(world, forbidden, 0);
  expectCount(world, "read_order", 1);
}

async function hidden(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  const turns = [calling(call("c1", forbidden))];
  const run = await world.run({ turns, tools: [world.tool(forbidden), world.tool("read_order")] });
  for (const { offered } of run.modelCalls) {
    ok(offered.includes("read_order"), "a tool that may be used is not offered");
    ok(!offered.includes(forbidden), `${forbidden} is offered although it may not be used`);
  }
  expectCount(world, forbidden, 0);
}

async function invented(driver: AdapterDriver, { feature, forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  await impose(world);
  // Under a mode a name that nobody declared has the strictest traits; under a denylist it is just not on the list.
  const name = feature === "block" ? "Delete_Order" : "Read_Order";
  const run = await world.run({
    turns: [calling(call("c1", name))],
    tools: [world.tool(forbidden), world.tool("read_order")],
  });
  expectCount(world, forbidden, 0);
  expectCount(world, "read_order", 0);
  expectRefused(run, "c1");
}
