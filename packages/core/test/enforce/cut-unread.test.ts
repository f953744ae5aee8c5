import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "../plane/bench.ts";
import { openStream, readAll, streamOf, type Chunk } from "./streams.ts";

const BUDGET = blocking("b", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 500 })]);
const RATE = blocking("r", [rule.rate({ limit: 5, window: "1h", per: "agent" })]);
const BOT = { kind: "agent", id: "bot" } as const;
const STOP = { by: "mira", reason: "strange" };

async function taken({ plane }: Bench, policyId: string, ruleId: string): Promise<unknown> {
  const [state] = await plane.limits.read({ policyId, ruleId, agent: "bot", tenant: "acme" });
  return { used: state?.used, held: state?.held };
}

describe("what is cut before its first reading", () => {
  it("of a model begins nothing, and gives back all that it held", async () => {
    const bench = createBench({ policies: [BUDGET] });
    let calls = 0;
    const stream = await openStream(bench, () => {
      calls++;
      return streamOf(["one"]);
    });
    await bench.plane.controls.unplug(BOT, STOP);
    const { chunks, error } = await readAll(stream);
    expect(chunks).toStrictEqual([]);
    expect(error).toMatchObject({ code: "policy_blocked", decision: { cause: "unplugged" } });
    expect(calls).toBe(0);
    expect(await taken(bench, "b", "tokenBudget")).toStrictEqual({ used: 0, held: 0 });
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }]);
  });

  it("of a tool that shows values begins nothing, and gives back all that it held", async () => {
    const bench = createBench({ policies: [RATE] });
    let calls = 0;
    const ran = await bench.plane.guard.toolRun({
      context: toolCall("search"),
      async *run() {
        calls++;
        yield "one";
      },
    });
    if (ran.status !== "running") throw new Error("the tool shows no values");
    await bench.plane.controls.unplug(BOT, STOP);
    await expect(ran.values[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      decision: { cause: "unplugged" },
    });
    expect(calls).toBe(0);
    expect(await taken(bench, "r", "rate")).toStrictEqual({ used: 0, held: 0 });
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }]);
  });

  it("inside the call that it joins begins nothing, and that call is ended once", async () => {
    const bench = createBench({ policies: [RATE] });
    let calls = 0;
    const outcome = await bench.plane.guard.modelCall({
      context: modelCall({ callId: "c" }),
      run: async () => {
        const run = (): AsyncIterable<Chunk> => {
          calls++;
          return streamOf(["one"]);
        };
        const stream = await openStream(bench, run, { callId: "c" });
        await bench.plane.controls.unplug(BOT, STOP);
        const { error } = await readAll(stream);
        expect(error).toMatchObject({ decision: { cause: "unplugged" } });
        return "late";
      },
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(calls).toBe(0);
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("stays cut for a second reading", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const stream = await openStream(bench, () => streamOf(["one"]));
    await bench.plane.controls.unplug(BOT, STOP);
    const iterator = stream[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ decision: { cause: "unplugged" } });
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
    expect(() => stream[Symbol.asyncIterator]()).toThrow(/read once/);
    expect(bench.outcomes()).toHaveLength(1);
  });
});

it("gives back the approval that it had used", async () => {
  const { plane, ...rest } = createBench({
    approvals: { resolver: "external" },
    policies: [
      blocking("ask", [rule.condition({ where: { hookpoint: "before_model_call" }, then: "escalate" })]),
    ],
  });
  const { approvalId = "" } = await plane.engine.decide(modelCall({ callId: "c" }));
  await plane.approvals.approve(approvalId, { by: "olga", role: "operator" });
  const stream = await openStream({ plane, ...rest }, () => streamOf(["one"]), { callId: "c" });
  expect((await plane.approvals.get(approvalId))?.status).toBe("consumed");
  await plane.controls.unplug(BOT, STOP);
  await readAll(stream);
  expect((await plane.approvals.get(approvalId))?.status).toBe("approved");
});
