import { ok, strictEqual } from "node:assert/strict";

import type { Policy } from "../../policy/policy.ts";
import type { AdapterDriver } from "../adapter-driver.ts";
import type { ScriptTurn } from "../agent-script.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectModelCalls, expectStatus } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, createLatch, saying } from "./script-parts.ts";
import { createWorld } from "./world.ts";

/** A budget of a million tokens; what a prompt of the scenarios needs is far below its smallest share used here. */
const MILLION = 1_000_000;
const NEARLY_ALL = { inputTokens: MILLION - 10, outputTokens: 5 };

/** Token budgets on every way to a model call. */
export const budgetScenarios: readonly Scenario[] = [
  scenario("budget.plain", ["model"], (driver) => usedUp(driver, false)),
  scenario("budget.stream", ["model", "stream"], (driver) => usedUp(driver, true)),
  scenario("budget.parallel", ["model"], sideBySide),
  scenario("budget.retry", ["model"], async (driver) => {
    const world = createWorld(driver, { policies: [million(600_000)] });
    const failing: ScriptTurn = {
      beforePiece: () => {
        throw new Error("the provider does not answer");
      },
    };
    await world.run({ turns: [failing], tools: [] });
    const script = { turns: [saying("finished")], tools: [] };
    expectModelCalls(await world.run(script, { session: "s2" }), 1);
    // One call keeps its estimate, because it reported no usage: a second has no room beside it.
    expectModelCalls(await world.run(script, { session: "s3" }), 0);
  }),
  scenario("budget.resume", ["model", "resume"], async (driver) => {
    const world = createWorld(driver, { policies: [million(500_000), askingFor("read_order")] });
    const first = { ...calling(call("c1", "read_order")), usage: { inputTokens: 400_000, outputTokens: 5 } };
    const paused = await world.run({ turns: [first, saying("finished")], tools: [world.tool("read_order")] });
    expectStatus(paused, "pending");
    const run = await driver.resume(paused, await answerAll(world, "approve"));
    expectModelCalls(run, 2);
    strictEqual(run.text, "finished", "the model call before the pause was charged twice");
  }),
  scenario("budget.nested", ["model", "nested"], async (driver) => {
    const world = createWorld(driver, { policies: [million(10)] });
    const inner = world.delegate([{ ...saying("inner"), usage: NEARLY_ALL }], []);
    const run = await world.run({
      turns: [calling(call("c1", "delegate")), saying("outer")],
      tools: [inner],
    });
    expectModelCalls(run, 2);
  }),
  scenario("budget.aborted", ["model", "stream", "abort"], aborted),
];

function million(maxOutput: number): Policy {
  const budget = { rule: "tokenBudget", maxTokens: MILLION, window: "1h", per: "tenant", maxOutput };
  return { id: "million", blocking: [budget] };
}

async function usedUp(driver: AdapterDriver, isStreaming: boolean): Promise<void> {
  const world = createWorld(driver, { policies: [million(10)] });
  const first = { ...calling(call("c1", "read_order")), usage: NEARLY_ALL };
  const script = { turns: [first, saying("finished")], tools: [world.tool("read_order")] };
  const run = await world.run(script, { isStreaming });
  expectCount(world, "read_order", 1);
  expectModelCalls(run, 1);
}

async function sideBySide(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver, { policies: [million(600_000)] });
  const isRunning = createLatch();
  const mayEnd = createLatch();
  const waiting: ScriptTurn = {
    text: ["first"],
    beforePiece: async () => {
      isRunning.open();
      await mayEnd.opened;
    },
  };
  const first = world.run({ turns: [waiting], tools: [] });
  await isRunning.opened;
  const second = await world.run({ turns: [saying("second")], tools: [] }, { session: "s2" });
  mayEnd.open();
  expectModelCalls(second, 0);
  expectModelCalls(await first, 1);
}

async function aborted(driver: AdapterDriver): Promise<void> {
  const world = createWorld(driver, { policies: [million(600_000)] });
  const controller = new AbortController();
  const turn: ScriptTurn = {
    text: ["a beginning of some length ", "and ", "the rest"],
    beforePiece: (piece) => {
      if (piece === 2) controller.abort();
    },
  };
  await world.run({ turns: [turn], tools: [] }, { isStreaming: true, signal: controller.signal });
  const [state] = await world.plane.limits.read({
    policyId: "million",
    ruleId: "tokenBudget",
    tenant: "acme",
  });
  ok(state !== undefined);
  strictEqual(state.held, 0, "the aborted stream still holds its estimate");
  ok(state.used > 0, "the aborted stream was not charged");
  ok(state.used < 600_000, "the aborted stream was charged its whole estimate");
}
