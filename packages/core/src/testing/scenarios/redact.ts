import { ok } from "node:assert/strict";

import type { Policy } from "../../policy/policy.ts";
import type { AdapterDriver } from "../adapter-driver.ts";
import { answerAll, askingFor } from "./approvals.ts";
import { expectCount, expectHidden, resultOf } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, othersTurn, saying } from "./script-parts.ts";
import { createWorld, SECRET, type World } from "./world.ts";

const HIDE_KEYS: Policy = { id: "hide-keys", blocking: [{ rule: "redact", detect: ["key"] }] };

/** What is redacted, on every way to a result or a response. */
export const redactScenarios: readonly Scenario[] = [
  scenario("redact.plain", [], async (driver) => {
    const world = redacting(driver);
    const turns = [calling(call("c1", "read_order")), saying(`the key is ${SECRET}, I think`)];
    const run = await world.run({ turns, tools: [revealing(world)] });
    expectCount(world, "read_order", 1);
    expectHidden(run, SECRET);
    ok(resultOf(run, "c1").text.includes("Ann"), "the rest of the result is lost");
    if (driver.capabilities.includes("model"))
      ok(run.text.includes("I think"), "the rest of the answer is lost");
  }),
  scenario("redact.stream", ["model", "stream"], async (driver) => {
    const world = redacting(driver);
    const [head, tail] = [SECRET.slice(0, 5), SECRET.slice(5)];
    const turns = [calling(call("c1", "read_order")), saying("the key ", `is ${head}`, tail, ", I think")];
    const run = await world.run({ turns, tools: [revealing(world)] }, { isStreaming: true });
    expectHidden(run, SECRET);
    ok(run.pieces.join("").includes(", I think"), "the rest of the answer is lost");
  }),
  scenario("redact.parallel", ["parallel"], async (driver) => {
    const world = redacting(driver);
    const turn = calling(call("c1", "read_order"), call("c2", "read_order", { id: "o2" }));
    const run = await world.run({ turns: [turn], tools: [revealing(world)] });
    expectCount(world, "read_order", 2);
    expectHidden(run, SECRET);
  }),
  scenario("redact.retry", ["retry"], retried),
  scenario("redact.resume", ["resume"], async (driver) => {
    const world = redacting(driver, [askingFor("read_order")]);
    const paused = await world.run({ turns: [calling(call("c1", "read_order"))], tools: [revealing(world)] });
    const run = await driver.resume(paused, await answerAll(world, "approve"));
    expectCount(world, "read_order", 1);
    expectHidden(run, SECRET);
  }),
  scenario("redact.replay", [], async (driver) => {
    const world = redacting(driver);
    const script = { turns: [calling(call("c1", "read_order"))], tools: [revealing(world)] };
    await world.run(script);
    expectHidden(await world.run(script), SECRET);
    expectCount(world, "read_order", 1);
  }),
  scenario("redact.nested", ["nested"], async (driver) => {
    const world = redacting(driver);
    const inner = world.delegate([calling(call("i1", "read_order")), saying(SECRET)], [revealing(world)]);
    const run = await world.run({ turns: [calling(call("c1", "delegate")), saying("done")], tools: [inner] });
    expectCount(world, "read_order", 1);
    expectHidden(run, SECRET);
  }),
  scenario("redact.observed", [], async (driver) => {
    const world = redacting(driver);
    const turns = [calling(call("c1", "read_order")), saying(`the key is ${SECRET}, I think`)];
    const run = await world.run({ turns, tools: [revealing(world)] });
    ok(run.observed.length > 0, "the driver observes nothing");
    for (const text of run.observed) ok(!text.includes(SECRET), "what must be hidden can be observed");
  }),
  scenario("redact.aborted", ["model", "stream", "abort"], aborted),
];

function redacting(driver: AdapterDriver, more: readonly Policy[] = []): World {
  return createWorld(driver, { policies: [HIDE_KEYS, ...more] });
}

function revealing(world: World): ReturnType<World["tool"]> {
  return world.tool("read_order", () => ({ name: "Ann", note: `her key is ${SECRET}` }));
}

async function retried(driver: AdapterDriver): Promise<void> {
  const world = redacting(driver);
  const failing = world.tool("read_order", () => {
    if (world.count("read_order") === 1) throw new Error(`${SECRET} was refused`);
    return SECRET;
  });
  const run = await world.run(
    { turns: [calling(call("c1", "read_order"))], tools: [failing] },
    { retries: 1 },
  );
  expectCount(world, "read_order", 2);
  expectHidden(run, SECRET);
  const last = redacting(driver);
  const broken = last.tool("read_order", () => {
    throw new Error(`${SECRET} was refused`);
  });
  expectHidden(await last.run({ turns: [calling(call("c1", "read_order"))], tools: [broken] }), SECRET);
}

async function aborted(driver: AdapterDriver): Promise<void> {
  const world = redacting(driver);
  const controller = new AbortController();
  const turn = {
    text: ["a beginning that is long enough to leave ", SECRET.slice(0, 12), SECRET.slice(12)],
    async beforePiece(piece: number) {
      if (piece !== 2) return;
      await othersTurn();
      controller.abort();
    },
  };
  const options = { isStreaming: true, signal: controller.signal };
  const run = await world.run({ turns: [turn], tools: [] }, options);
  expectHidden(run, SECRET.slice(0, 12));
}
