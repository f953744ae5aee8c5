import { deepStrictEqual, strictEqual } from "node:assert/strict";

import { answerPending, askingFor } from "./approvals.ts";
import { expectCount, expectStatus } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling } from "./script-parts.ts";
import { createWorld } from "./world.ts";

const GLOBEX = { tenant: "globex" } as const;

/** Two tenants use the same agent, session and call ids; what happens to `acme` is nothing to `globex`. */
export const isolationScenarios: readonly Scenario[] = [
  scenario("isolation.limit", [], async (driver) => {
    const once = { rule: "rate", limit: 1, window: "1h", per: "tenant" };
    const policies = [{ id: "once", selector: { tools: ["read_order"] }, blocking: [once] }];
    const world = createWorld(driver, { policies });
    const tools = [world.tool("read_order")];
    const script = { turns: [calling(call("c1", "read_order"))], tools };
    await world.run(script);
    await world.run({ turns: [calling(call("c2", "read_order"))], tools });
    expectCount(world, "read_order", 1);
    await world.run(script, GLOBEX);
    expectCount(world, "read_order", 2);
  }),
  scenario("isolation.kill", [], async (driver) => {
    const world = createWorld(driver);
    await world.plane.controls.unplug({ kind: "tenant", id: "acme" }, { by: "olga", reason: "stop" });
    const script = { turns: [calling(call("c1", "read_order"))], tools: [world.tool("read_order")] };
    await world.run(script);
    expectCount(world, "read_order", 0);
    await world.run(script, GLOBEX);
    expectCount(world, "read_order", 1);
  }),
  scenario("isolation.approval", ["resume"], async (driver) => {
    const world = createWorld(driver, { policies: [askingFor("send_mail")] });
    const ran = { acme: 0, globex: 0 };
    // The same tool, call id and input; only whose it is differs.
    const scriptOf = (tenant: keyof typeof ran) => ({
      turns: [calling(call("c1", "send_mail"))],
      tools: [world.tool("send_mail", () => ({ sent: ++ran[tenant] }))],
    });
    const acme = await world.run(scriptOf("acme"));
    const globex = await world.run(scriptOf("globex"), GLOBEX);
    expectStatus(globex, "pending");
    strictEqual(
      (await world.plane.approvals.list({ status: "pending" })).length,
      2,
      "the tenants share a request",
    );
    const answers = await answerPending(world, acme, "approve");
    await driver.resume(globex, []);
    strictEqual(ran.globex, 0, "globex's call ran on acme's approval");
    await driver.resume(acme, answers);
    deepStrictEqual(ran, { acme: 1, globex: 0 }, "acme's approval is not acme's alone");
  }),
];
