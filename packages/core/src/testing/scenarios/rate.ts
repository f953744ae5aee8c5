import type { Policy } from "../../policy/policy.ts";
import type { AdapterDriver } from "../adapter-driver.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectInputs, expectRefused } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld } from "./world.ts";

const ORDERS = ["o1", "o2", "o3", "o4", "o5"] as const;

/** Rate limits on every way to a call: always two calls of `read_order` per hour. */
export const rateScenarios: readonly Scenario[] = [
  scenario("rate.plain", [], (driver) => oneByOne(driver, false)),
  scenario("rate.stream", ["stream"], (driver) => oneByOne(driver, true)),
  scenario("rate.parallel", ["parallel"], async (driver) => {
    const world = createWorld(driver, { policies: [twoReads()] });
    const turn = calling(...ORDERS.map((id) => call(`c-${id}`, "read_order", { id })));
    await world.run({ turns: [turn], tools: [world.tool("read_order")] });
    expectCount(world, "read_order", 2);
  }),
  scenario("rate.retry", ["retry"], async (driver) => {
    const world = createWorld(driver, { policies: [twoReads()] });
    const failing = world.tool("read_order", () => {
      throw new Error("the connection was lost");
    });
    await world.run({ turns: [calling(call("c1", "read_order"))], tools: [failing] }, { retries: 4 });
    expectCount(world, "read_order", 2);
  }),
  scenario("rate.resume", ["resume"], async (driver) => {
    const world = createWorld(driver, { policies: [twoReads(), askingFor("read_order")] });
    const tools = [world.tool("read_order")];
    for (const [at, id] of ["o1", "o2", "o3"].entries()) {
      // oxlint-disable-next-line no-await-in-loop -- each run must be over before the next
      const paused = await world.run({ turns: [orderTurn(id)], tools });
      // oxlint-disable-next-line no-await-in-loop -- each run must be over before the next
      if (paused.status === "pending") await driver.resume(paused, await answerAll(world, "approve"));
      expectCount(world, "read_order", Math.min(at + 1, 2));
    }
  }),
  scenario("rate.replay", [], async (driver) => {
    const world = createWorld(driver, { policies: [twoReads()] });
    const tools = [world.tool("read_order")];
    await world.run({ turns: [orderTurn("o1")], tools });
    await world.run({ turns: [orderTurn("o1"), orderTurn("o2"), orderTurn("o3")], tools });
    expectInputs(world, "read_order", [{ id: "o1" }, { id: "o2" }]);
  }),
  scenario("rate.nested", ["nested"], async (driver) => {
    const world = createWorld(driver, { policies: [twoReads("tenant")] });
    const tools = [world.tool("read_order")];
    const inner = world.delegate([orderTurn("o2"), orderTurn("o3"), saying("inner")], tools);
    await world.run({ turns: [orderTurn("o1"), calling(call("c1", "delegate"))], tools: [...tools, inner] });
    expectCount(world, "read_order", 2);
  }),
  scenario("rate.aborted", ["abort"], aborted),
];

function twoReads(per: "agent" | "tenant" = "agent"): Policy {
  return {
    id: "two-reads",
    selector: { tools: ["read_order"] },
    blocking: [{ rule: "rate", limit: 2, window: "1h", per }],
  };
}

function orderTurn(id: string): ReturnType<typeof calling> {
  return calling(call(`c-${id}`, "read_order", { id }));
}

async function oneByOne(driver: AdapterDriver, isStreaming: boolean): Promise<void> {
  const world = createWorld(driver, { policies: [twoReads()] });
  const turns = [orderTurn("o1"), orderTurn("o2"), orderTurn("o3"), saying("finished")];
  const run = await world.run({ turns, tools: [world.tool("read_order")] }, { isStreaming });
  expectCount(world, "read_order", 2);
  expectRefused(run, "c-o3");
}

async function aborted(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver, { policies: [twoReads()] });
  const controller = new AbortController();
  const aborting = world.tool("read_order", () => {
    if (world.count("read_order") === 1) controller.abort();
    return "read";
  });
  const { signal } = controller;
  await world.run({ turns: [orderTurn("o1"), orderTurn("o2")], tools: [aborting] }, { signal });
  expectCount(world, "read_order", 1);
  await world.run({ turns: [orderTurn("o3"), orderTurn("o4")], tools: [aborting] }, { session: "s2" });
  expectCount(world, "read_order", 2);
}
