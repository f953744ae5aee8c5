import { ok } from "node:assert/strict";

import { rule } from "../../rules/rule-factory.ts";
import type { ScriptTurn } from "../agent-script.ts";
import { expectCount, expectHidden, expectModelCalls, resultOf } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld, SECRET } from "./world.ts";

/** What is decided about model calls themselves. */
export const modelCallScenarios: readonly Scenario[] = [
  scenario("block.model", ["model"], async (driver) => {
    const blocking = [rule.condition({ where: { hookpoint: "before_model_call" } })];
    const world = createWorld(driver, { policies: [{ id: "no-models", blocking }] });
    expectModelCalls(await world.run({ turns: [saying("finished")], tools: [] }), 0);
  }),
  scenario("kill.model", ["model"], async (driver) => {
    const world = createWorld(driver);
    const turn: ScriptTurn = {
      ...calling(call("c1", "send_mail")),
      text: ["late-answer"],
      beforePiece: () =>
        world.plane.controls.unplug({ kind: "agent", id: "support" }, { by: "olga", reason: "stop" }),
    };
    const run = await world.run({ turns: [turn], tools: [world.tool("send_mail")] });
    expectModelCalls(run, 1);
    expectCount(world, "send_mail", 0);
    expectHidden(run, "late-answer");
  }),
  scenario("redact.prompt", ["model"], async (driver) => {
    const blocking = [rule.redact({ detect: ["key"], from: ["prompt"] })];
    const world = createWorld(driver, { policies: [{ id: "no-keys-out", blocking }] });
    const reading = world.tool("read_order", () => `Ann's key is ${SECRET}`);
    const turns = [calling(call("c1", "read_order")), saying("finished")];
    const run = await world.run({ turns, tools: [reading] });
    expectModelCalls(run, 2);
    for (const { prompt } of run.modelCalls)
      ok(!prompt.includes(SECRET), "the provider was sent what must be hidden");
    ok(run.modelCalls[1]?.prompt.includes("Ann's key") === true, "the rest of the prompt is lost");
  }),
  scenario("budget.clamp", ["model"], async (driver) => {
    const budget = rule.tokenBudget({ maxTokens: 1_000_000, window: "1h", maxOutput: 321 });
    const world = createWorld(driver, { policies: [{ id: "million", blocking: [budget] }] });
    const run = await world.run({ turns: [saying("finished")], tools: [] });
    expectModelCalls(run, 1);
    const asked = run.modelCalls[0]?.maxOutputTokens ?? Infinity;
    ok(asked <= 321, `the provider was asked for up to ${asked} tokens where 321 are reserved`);
  }),
  scenario("block.result", [], async (driver) => {
    const blocking = [rule.secretScan({ channels: ["tool_result"] })];
    const world = createWorld(driver, { policies: [{ id: "no-secrets", blocking }] });
    const reading = world.tool("read_order", () => `Ann's key is ${SECRET}`);
    const run = await world.run({
      turns: [calling(call("c1", "read_order")), saying("finished")],
      tools: [reading],
    });
    expectCount(world, "read_order", 1);
    expectHidden(run, "Ann's key");
    const { text, isError } = resultOf(run, "c1");
    ok(
      isError && text.includes("WAS executed"),
      "the model must be told that the call ran, or it will repeat it",
    );
  }),
];
