import { Agent, RunState } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { expect, test } from "vitest";

import { approvalIdOf, govern } from "../../src/agents.ts";
import { answer, ASK, planeOf, refundTool, runner } from "./agent-script.ts";

// Some models number their calls anew in each conversation; and who gives no session says of none which it belongs to.
const call = () =>
  answer({ output: [functionCall("refund", { amount: 5 }, { callId: "functions.refund:0" })] });
const DONE = answer({ output: [assistantMessage("done")] });

function setUp(turns: readonly ReturnType<typeof answer>[], options?: Parameters<typeof planeOf>[0]) {
  const plane = planeOf(options);
  const ran: unknown[] = [];
  const model = new ScriptedModel([...turns]);
  const agent = govern(
    plane,
    { tenant: "acme" },
    new Agent({ name: "writer", model, tools: [refundTool(ran)] }),
  );
  const run = async (input: string | RunState<unknown, typeof agent>, stream: boolean) => {
    if (!stream) return runner.run(agent, input);
    const result = await runner.run(agent, input, { stream: true });
    await result.completed;
    return result;
  };
  return { plane, ran, agent, run };
}

test.each([false, true])("two runs each make their call of one id (stream: %s)", async (stream) => {
  const { plane, ran, run } = setUp([call(), DONE, call(), DONE]);
  await run("the order of ann", stream);
  await run("the order of bob", stream);
  expect(ran).toHaveLength(2);
  await plane.close();
});

test.each([false, true])(
  "each run asks about its own call of one id, and goes on with it (stream: %s)",
  async (stream) => {
    const { plane, ran, agent, run } = setUp([call(), call(), DONE, DONE], { policies: [ASK] });
    const paused = [await run("the order of ann", stream), await run("the order of bob", stream)];
    const ids = paused.map(({ interruptions, state }) => approvalIdOf(interruptions[0]!, state));
    expect(new Set(ids).size).toBe(2);
    expect(new Set((await plane.approvals.list({ status: "pending" })).map(({ id }) => id))).toStrictEqual(
      new Set(ids),
    );
    for (const [at, { state, interruptions }] of paused.entries()) {
      state.approve(interruptions[0]!);
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what is tested
      await run(await RunState.fromString(agent, state.toString()), stream);
      expect(ran).toHaveLength(at + 1);
    }
    await plane.close();
  },
);

test("an interruption tells no question where several runs wait with calls of its id, unless it comes with its state", async () => {
  const { plane, agent, run } = setUp([call(), call()], { policies: [ASK] });
  const first = await run("the order of ann", false);
  const [item] = first.interruptions;
  const asked = approvalIdOf(item!);
  expect(plane.approvals.get(asked ?? "")).toMatchObject({ status: "pending" });
  await run("the order of bob", false);
  expect(approvalIdOf(item!)).toBeUndefined();
  expect(approvalIdOf(item!, await RunState.fromString(agent, first.state.toString()))).toBe(asked);
  await plane.close();
});

const OLGA = { by: "olga", role: "operator" } as const;

test.each([
  ["another one", "the order of bob", {}],
  // Of answers that no provider has named the same one, come to in the same way, counts as said again.
  ["one of the same words", "the order of ann", { responseId: "resp_2" }],
])("what was approved for one conversation is not used by %s", async (_name, other, named) => {
  const turns = [call(), Object.assign(call(), named), DONE];
  const { plane, ran, agent, run } = setUp(turns, { policies: [ASK] });
  const first = await run("the order of ann", false);
  const asked = approvalIdOf(first.interruptions[0]!, first.state) ?? "";
  await plane.approvals.approve(asked, OLGA);
  const second = await run(other, false);
  expect([ran, second.interruptions.length]).toStrictEqual([[], 1]);
  expect(approvalIdOf(second.interruptions[0]!, second.state)).not.toBe(asked);
  // The one that was approved goes on, from its saved state.
  const saved = await RunState.fromString(agent, first.state.toString());
  saved.approve(saved.getInterruptions()[0]!);
  await run(saved, false);
  expect(ran).toHaveLength(1);
  expect(plane.approvals.get(asked)).toMatchObject({ status: "consumed" });
  await plane.close();
});
