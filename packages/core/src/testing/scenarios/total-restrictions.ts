import type { AdapterDriver } from "../adapter-driver.ts";
import type { RequirementId } from "../requirements.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectHidden, expectModelCalls, expectStatus } from "./expectations.ts";
import { TOTAL_RESTRICTIONS, type Restriction } from "./restriction.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, createLatch, saying } from "./script-parts.ts";
import { createWorld } from "./world.ts";

type TotalWay = "plain" | "parallel" | "retry" | "resume" | "replay" | "nested";

/** What stops an agent altogether, on every way to a call; each is put in force in the middle of a run. */
export const totalRestrictionScenarios: readonly Scenario[] = TOTAL_RESTRICTIONS.flatMap((restriction) => {
  const on = (
    way: TotalWay,
    needs: Scenario["needs"],
    run: (driver: AdapterDriver, r: Restriction) => Promise<void>,
  ): Scenario =>
    // Every feature of this list crosses with each of these ways.
    scenario(`${restriction.feature}.${way}` as RequirementId, needs, (driver) => run(driver, restriction));
  return [
    on("plain", [], (driver, given) => stopped(driver, given, false)),
    on("parallel", ["parallel"], inFlight),
    on("retry", ["retry"], retried),
    on("resume", ["resume"], resumed),
    on("replay", [], replayed),
    on("nested", ["nested"], nested),
  ];
});

/** The run is stopped by its own first tool: nothing else happens in it. */
export async function stopped(
  driver: AdapterDriver,
  { forbidden, impose }: Restriction,
  isStreaming: boolean,
): Promise<void> {
  const world = createWorld(driver);
  const begin = world.tool("begin", async () => {
    await impose(world);
    return "begun";
  });
  const turns = [calling(call("c1", "begin")), calling(call("c2", forbidden)), saying("finished")];
  const run = await world.run({ turns, tools: [begin, world.tool(forbidden)] }, { isStreaming });
  expectCount(world, "begin", 1);
  expectCount(world, forbidden, 0);
  if (driver.capabilities.includes("model")) expectModelCalls(run, 1);
  expectHidden(run, "finished");
}

async function inFlight(driver: AdapterDriver, { impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  const isRunning = createLatch();
  const isStopped = createLatch();
  const waiting = world.tool("read_order", async () => {
    isRunning.open();
    await isStopped.opened;
    return "late-answer-1";
  });
  const stopping = world.tool("begin", async () => {
    await isRunning.opened;
    await impose(world);
    isStopped.open();
    return "late-answer-2";
  });
  const turn = calling(call("c1", "read_order"), call("c2", "begin"));
  const run = await world.run({ turns: [turn, saying("finished")], tools: [waiting, stopping] });
  expectCount(world, "begin", 1);
  expectHidden(run, "late-answer");
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
  const script = {
    turns: [calling(call("c1", forbidden)), saying("finished")],
    tools: [world.tool(forbidden)],
  };
  const paused = await world.run(script);
  expectStatus(paused, "pending");
  await impose(world);
  const run = await driver.resume(paused, await answerAll(world, "approve"));
  expectCount(world, forbidden, 0);
  expectHidden(run, "finished");
}

async function replayed(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  const begin = world.tool("begin", async () => {
    await impose(world);
    return "begun";
  });
  const turns = [calling(call("c1", "begin")), calling(call("c2", forbidden))];
  const script = { turns, tools: [begin, world.tool(forbidden)] };
  await world.run(script);
  const replay = await world.run(script);
  expectCount(world, "begin", 1);
  expectCount(world, forbidden, 0);
  expectModelCalls(replay, 0);
}

async function nested(driver: AdapterDriver, { forbidden, impose }: Restriction): Promise<void> {
  const world = createWorld(driver);
  const begin = world.tool("begin", async () => {
    await impose(world);
    return "begun";
  });
  const turns = [calling(call("i1", "begin")), calling(call("i2", forbidden)), saying("inner")];
  const inner = world.delegate(turns, [begin, world.tool(forbidden)]);
  const run = await world.run({ turns: [calling(call("c1", "delegate")), saying("outer")], tools: [inner] });
  expectCount(world, "begin", 1);
  expectCount(world, forbidden, 0);
  if (driver.capabilities.includes("model")) expectModelCalls(run, 2);
}
