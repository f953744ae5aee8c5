import * as z from "zod/mini";

import type { JsonObject, JsonValue } from "../../base/json.ts";
import { defineRule } from "../../rules/rule.ts";
import type { AdapterDriver } from "../adapter-driver.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectInputs } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld, type World } from "./world.ts";

/** Lowers `amount` to a maximum. */
const cap = defineRule({
  kind: "cap",
  summary: "Lowers the amount of a call to a maximum.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({ max: z.number() }),
  example: { max: 100 },
  isStateless: true,
  compile: ({ max }) => ({
    reads: ["input"],
    check({ tool }) {
      if (amountOf(tool?.input) <= max) return undefined;
      return { obligations: [{ kind: "rewrite", path: "$.amount", value: max }] };
    },
  }),
});

const ASKED: JsonObject = { id: "o1", amount: 900 };
const CAPPED: JsonObject = { id: "o1", amount: 100 };

/** What is rewritten, on every way to an execution. */
export const rewriteScenarios: readonly Scenario[] = [
  scenario("rewrite.plain", [], (driver) => rewritten(driver, false)),
  scenario("rewrite.stream", ["stream"], (driver) => rewritten(driver, true)),
  scenario("rewrite.parallel", ["parallel"], async (driver) => {
    const world = capping(driver);
    const small = { id: "o2", amount: 50 };
    const other = { id: "o3", amount: 700 };
    const turn = calling(
      call("c1", "send_mail", ASKED),
      call("c2", "send_mail", small),
      call("c3", "send_mail", other),
    );
    await world.run({ turns: [turn], tools: [world.tool("send_mail")] });
    expectInputs(world, "send_mail", [CAPPED, small, { id: "o3", amount: 100 }]);
  }),
  scenario("rewrite.retry", ["retry"], async (driver) => {
    const world = capping(driver);
    const failing = world.tool("send_mail", () => {
      if (world.count("send_mail") === 1) throw new Error("the connection was lost");
      return "sent";
    });
    await world.run({ turns: [calling(call("c1", "send_mail", ASKED))], tools: [failing] }, { retries: 1 });
    expectInputs(world, "send_mail", [CAPPED, CAPPED]);
  }),
  scenario("rewrite.resume", ["resume"], async (driver) => {
    const world = capping(driver, true);
    const script = { turns: [calling(call("c1", "send_mail", ASKED))], tools: [world.tool("send_mail")] };
    const paused = await world.run(script);
    await driver.resume(paused, await answerAll(world, "approve"));
    expectInputs(world, "send_mail", [CAPPED]);
  }),
  scenario("rewrite.replay", [], async (driver) => {
    const world = capping(driver);
    const script = { turns: [calling(call("c1", "send_mail", ASKED))], tools: [world.tool("send_mail")] };
    await world.run(script);
    await world.run(script);
    expectCount(world, "send_mail", 1);
  }),
  scenario("rewrite.nested", ["nested"], async (driver) => {
    const world = capping(driver);
    const turns = [calling(call("i1", "send_mail", ASKED)), saying("inner")];
    const inner = world.delegate(turns, [world.tool("send_mail")]);
    await world.run({ turns: [calling(call("c1", "delegate"))], tools: [inner] });
    expectInputs(world, "send_mail", [CAPPED]);
  }),
];

function capping(driver: AdapterDriver, isAsking = false): World {
  const policies = [{ id: "cap-amounts", blocking: [{ rule: "cap", max: 100 }] }];
  return createWorld(driver, {
    rules: [cap],
    policies: isAsking ? [...policies, askingFor("send_mail")] : policies,
  });
}

async function rewritten(driver: AdapterDriver, isStreaming: boolean): Promise<void> {
  const world = capping(driver);
  const turns = [calling(call("c1", "send_mail", ASKED)), saying("finished")];
  await world.run({ turns, tools: [world.tool("send_mail")] }, { isStreaming });
  expectInputs(world, "send_mail", [CAPPED]);
}

function amountOf(input: JsonValue | undefined): number {
  if (typeof input !== "object" || input === null || !("amount" in input)) return 0;
  return typeof input["amount"] === "number" ? input["amount"] : 0;
}
