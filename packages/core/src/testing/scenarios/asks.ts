import { notStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { AdapterDriver } from "../adapter-driver.ts";
import type { RequirementId } from "../requirements.ts";
import { answerAll, answerPending, answerThese, askingFor } from "./approvals.ts";
import { expectCount, expectInputs, expectRefused, expectStatus, expectSucceeded } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld, type World } from "./world.ts";

/** What makes a call of `send_mail` wait for a human. */
interface Asker {
  readonly feature: "ask" | "HUMAN_LOOP";
  /** @param agent Whose calls wait. Default `support`, the outer agent. */
  createWorld(driver: AdapterDriver, agent?: string): Promise<World>;
}

type AskWay = "plain" | "stream" | "parallel" | "retry" | "resume" | "replay" | "nested" | "aborted";

const ASKERS: readonly Asker[] = [
  {
    feature: "ask",
    createWorld: async (driver) => createWorld(driver, { policies: [askingFor("send_mail")] }),
  },
  {
    feature: "HUMAN_LOOP",
    async createWorld(driver, agent = "support") {
      const world = createWorld(driver);
      const { controls } = world.plane;
      await controls.degrade({ kind: "agent", id: agent, tenant: "acme" }, "HUMAN_LOOP", { by: "olga" });
      return world;
    },
  },
];

/** What waits for a human, on every way to a call. */
export const askScenarios: readonly Scenario[] = ASKERS.flatMap((asker) => {
  const on = (
    way: AskWay,
    needs: Scenario["needs"],
    run: (driver: AdapterDriver, asker: Asker) => Promise<void>,
  ): Scenario =>
    // Every feature of this list crosses with each of these ways.
    scenario(`${asker.feature}.${way}` as RequirementId, needs, (driver) => run(driver, asker));
  return [
    on("plain", ["resume"], (driver, given) => pauses(driver, given, false)),
    on("stream", ["resume", "stream"], (driver, given) => pauses(driver, given, true)),
    on("parallel", ["resume", "parallel"], oneOfTwo),
    on("retry", ["resume", "retry"], retried),
    on("resume", ["resume"], resumed),
    on("replay", ["resume"], replayed),
    on("nested", ["resume", "nested"], nested),
    on("aborted", ["resume", "abort"], aborted),
  ];
});

async function pauses(driver: AdapterDriver, asker: Asker, isStreaming: boolean): Promise<void> {
  const world = await asker.createWorld(driver);
  const turns = [calling(call("c1", "send_mail")), saying("finished")];
  const run = await world.run({ turns, tools: [world.tool("send_mail")] }, { isStreaming });
  expectCount(world, "send_mail", 0);
  expectStatus(run, "pending");
  const waiting = await world.plane.approvals.list({ status: "pending" });
  strictEqual(waiting.length, 1, `${waiting.length} requests wait for one call`);
  strictEqual(
    run.pending.map(({ approvalId }) => approvalId).join(),
    waiting[0]?.id,
    "the pending call is not reported",
  );
}

async function oneOfTwo(driver: AdapterDriver, asker: Asker): Promise<void> {
  const world = await asker.createWorld(driver);
  const inputs = [{ id: "o1" }, { id: "o2" }];
  const turn = calling(...inputs.map((input, at) => call(`c${at + 1}`, "send_mail", input)));
  const paused = await world.run({ turns: [turn], tools: [world.tool("send_mail")] });
  const waiting = await world.plane.approvals.list({ status: "pending" });
  strictEqual(waiting.length, 2, `${waiting.length} requests wait for two calls`);
  const [first, second] = waiting;
  ok(first !== undefined && second !== undefined);
  const after = await driver.resume(paused, await answerThese(world, "approve", [first.id]));
  const still = after.pending.map(({ approvalId }) => approvalId);
  ok(!still.includes(first.id), "a call that was answered is reported as pending");
  // An adapter may wait for the turn's last answer before it runs any of it.
  if (world.count("send_mail") === 0 && still.length > 0)
    await driver.resume(after, await answerThese(world, "deny", [second.id]));
  expectInputs(world, "send_mail", [first.view["input"]]);
}

async function retried(driver: AdapterDriver, asker: Asker): Promise<void> {
  const world = await asker.createWorld(driver);
  const failing = world.tool("send_mail", () => {
    throw new Error("the connection was lost");
  });
  const paused = await world.run(
    { turns: [calling(call("c1", "send_mail"))], tools: [failing] },
    { retries: 2 },
  );
  await driver.resume(paused, await answerPending(world, paused, "approve"));
  expectCount(world, "send_mail", 1);
}

async function resumed(driver: AdapterDriver, asker: Asker): Promise<void> {
  const input = { id: "o1", text: "hello" };
  const turns = [calling(call("c1", "send_mail", input)), saying("finished")];
  const play = async (answer: "approve" | "deny"): Promise<World> => {
    const world = await asker.createWorld(driver);
    const paused = await world.run({ turns, tools: [world.tool("send_mail")] });
    const run = await driver.resume(paused, await answerPending(world, paused, answer));
    if (answer === "approve") expectSucceeded(run, "c1");
    else expectRefused(run, "c1");
    return world;
  };
  expectInputs(await play("approve"), "send_mail", [input]);
  expectInputs(await play("deny"), "send_mail", []);
}

async function replayed(driver: AdapterDriver, asker: Asker): Promise<void> {
  const world = await asker.createWorld(driver);
  const script = { turns: [calling(call("c1", "send_mail"))], tools: [world.tool("send_mail")] };
  const paused = await world.run(script);
  await driver.resume(paused, await answerPending(world, paused, "approve"));
  expectCount(world, "send_mail", 1);
  await world.run(script);
  expectCount(world, "send_mail", 1);
}

async function nested(driver: AdapterDriver, asker: Asker): Promise<void> {
  const world = await asker.createWorld(driver, "helper");
  const inner = world.delegate(
    [calling(call("i1", "send_mail")), saying("inner")],
    [world.tool("send_mail")],
  );
  const script = { turns: [calling(call("c1", "delegate")), saying("outer")], tools: [inner] };
  const paused = await world.run(script);
  expectStatus(paused, "pending");
  expectCount(world, "send_mail", 0);
  const run = await driver.resume(paused, await answerAll(world, "approve"));
  expectCount(world, "send_mail", 1);
  expectStatus(run, "done");
}

async function aborted(driver: AdapterDriver, asker: Asker): Promise<void> {
  const world = await asker.createWorld(driver);
  const controller = new AbortController();
  const script = { turns: [calling(call("c1", "send_mail"))], tools: [world.tool("send_mail")] };
  const paused = await world.run(script, { signal: controller.signal });
  controller.abort();
  await driver.resume(paused, []);
  expectCount(world, "send_mail", 0);
  const answered = await world.plane.approvals.list({ status: "approved" });
  strictEqual(answered.length, 0, "the abort counts as an approval");
  notStrictEqual((await world.plane.approvals.list({ status: "pending" })).length, 0);
}
