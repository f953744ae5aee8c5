import { expectCount, expectModelCalls } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling } from "./script-parts.ts";
import { createWorld } from "./world.ts";

/** What the caller's own abort means. */
export const abortScenarios: readonly Scenario[] = [
  scenario("block.aborted", ["abort"], async (driver) => {
    const world = createWorld(driver);
    const controller = new AbortController();
    const begin = world.tool("begin", () => {
      controller.abort();
      return "begun";
    });
    const turns = [calling(call("c1", "begin")), calling(call("c2", "send_mail"))];
    const tools = [begin, world.tool("send_mail")];
    const run = await world.run({ turns, tools }, { signal: controller.signal });
    expectCount(world, "begin", 1);
    expectCount(world, "send_mail", 0);
    if (driver.capabilities.includes("model")) expectModelCalls(run, 1);
  }),
];
