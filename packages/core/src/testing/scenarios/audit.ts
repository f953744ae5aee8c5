import { deepStrictEqual } from "node:assert/strict";

import type { AdapterDriver } from "../adapter-driver.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling } from "./script-parts.ts";
import { createWorld, type World } from "./world.ts";

const NO_DELETE = { id: "no-delete", blocking: [{ rule: "denylist", tools: ["delete_order"] }] };

/** What stays in the audit trail. */
export const auditScenarios: readonly Scenario[] = [
  scenario("audit.decision", [], async (driver) => {
    const world = await playThree(driver, false);
    deepStrictEqual(effects(world, "read_order"), ["allow"]);
    deepStrictEqual(effects(world, "delete_order"), ["block"]);
    deepStrictEqual(effects(world, "send_mail"), ["allow"]);
  }),
  scenario("audit.outcome", [], async (driver) => {
    const world = await playThree(driver, false);
    deepStrictEqual(ends(world, "read_order"), ["ran"]);
    deepStrictEqual(ends(world, "delete_order"), []);
    deepStrictEqual(ends(world, "send_mail"), ["failed"]);
  }),
  scenario("audit.parallel", ["parallel"], async (driver) => {
    const world = await playThree(driver, true);
    deepStrictEqual(effects(world, "read_order"), ["allow"]);
    deepStrictEqual(effects(world, "delete_order"), ["block"]);
    deepStrictEqual(effects(world, "send_mail"), ["allow"]);
    deepStrictEqual([...ends(world, "read_order"), ...ends(world, "send_mail")], ["ran", "failed"]);
  }),
  scenario("audit.resume", ["resume"], async (driver) => {
    const world = createWorld(driver, { policies: [askingFor("send_mail")] });
    const turns = [calling(call("c1", "send_mail"))];
    const paused = await world.run({ turns, tools: [world.tool("send_mail")] });
    await driver.resume(paused, await answerAll(world, "approve"));
    deepStrictEqual(effects(world, "send_mail"), ["ask", "allow"]);
    deepStrictEqual(ends(world, "send_mail"), ["ran"]);
  }),
];

/** One call that runs, one that is blocked, one that fails. */
async function playThree(driver: AdapterDriver, isOneTurn: boolean): Promise<World> {
  const world = createWorld(driver, { policies: [NO_DELETE] });
  const failing = world.tool("send_mail", () => {
    throw new Error("the connection was lost");
  });
  const calls = [call("c1", "read_order"), call("c2", "delete_order"), call("c3", "send_mail")];
  const turns = isOneTurn ? [calling(...calls)] : calls.map((one) => calling(one));
  await world.run({ turns, tools: [world.tool("read_order"), world.tool("delete_order"), failing] });
  await world.plane.flush();
  return world;
}

function effects(world: World, tool: string): readonly string[] {
  return world.decisions(tool).map(({ decision }) => decision.effect);
}

function ends(world: World, tool: string): readonly string[] {
  return world.outcomes(tool).map(({ outcome }) => outcome);
}
