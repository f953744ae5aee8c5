import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, sharedState, toolCall, type Bench } from "../plane/bench.ts";
import { openStream, readAll, streamOf } from "./streams.ts";

const HOLD_MS = 120_000;

const BUDGET = blocking("b", [
  rule.tokenBudget({ maxTokens: 2_000, window: "1h", maxOutput: 500 }),
  rule.rate({ limit: 5, window: "1h", per: "agent" }),
]);

async function limitsOf({ plane }: Bench): Promise<readonly { used: number; held: number }[]> {
  const read = async (ruleId: string): Promise<{ used: number; held: number }> => {
    const [state] = await plane.limits.read({ policyId: "b", ruleId, agent: "bot", tenant: "acme" });
    return { used: state?.used ?? -1, held: state?.held ?? -1 };
  };
  return [await read("tokenBudget"), await read("rate")];
}

const FREE = [
  { used: 0, held: 0 },
  { used: 0, held: 0 },
];

async function openTool(
  { plane }: Bench,
  run: () => AsyncIterable<number>,
  callId = "c1",
): Promise<AsyncIterable<number>> {
  const begun = await plane.guard.toolRun({ context: toolCall("search", {}, { callId }), run });
  if (begun.status !== "running") throw new Error(`it does not run: ${begun.status}`);
  return begun.values;
}

describe("a stream that nobody reads", () => {
  it("gives back what it holds when its hold's time is up, is recorded so, and runs no more", async () => {
    const bench = createBench({ policies: [BUDGET] });
    let calls = 0;
    const stream = await openStream(bench, () => {
      calls++;
      return streamOf(["one"]);
    });
    const opened = await openStream(bench, () => streamOf(["two"]));
    const iterator = opened[Symbol.asyncIterator]();
    await bench.ports.clock.advanceAsync(HOLD_MS - 1);
    expect((await limitsOf(bench))[0]?.held).toBeGreaterThan(0);
    expect(bench.outcomes()).toStrictEqual([]);

    await bench.ports.clock.advanceAsync(1);
    expect(await limitsOf(bench)).toStrictEqual(FREE);
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }, { outcome: "released" }]);

    expect(() => stream[Symbol.asyncIterator]()).toThrow(/read once, before its hold/);
    await expect(iterator.next()).rejects.toMatchObject({ code: "usage_invalid" });
    expect(calls).toBe(0);
    expect(bench.ports.clock.pending).toBe(0);
  });

  it("is not given up once it is read, however long its reader takes", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const stream = await openStream(bench, () => streamOf(["one", "two"]));
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    expect((await limitsOf(bench))[0]?.held).toBeGreaterThan(0);
    expect(await readAll({ [Symbol.asyncIterator]: () => iterator })).toMatchObject({
      text: "two",
      error: undefined,
    });
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
  });

  it("does not begin when it is read right after it was closed", async () => {
    const bench = createBench({ policies: [BUDGET] });
    let calls = 0;
    const stream = await openStream(bench, () => {
      calls++;
      return streamOf(["one"]);
    });
    const iterator = stream[Symbol.asyncIterator]();
    const closing = iterator.return?.();
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
    expect(await closing).toStrictEqual({ done: true, value: undefined });
    expect(calls).toBe(0);
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }]);
    expect(await limitsOf(bench)).toStrictEqual(FREE);
  });

  it("leaves no timer behind once it is closed or read", async () => {
    const bench = createBench({ policies: [BUDGET] });
    await readAll(await openStream(bench, () => streamOf(["one"])));
    await (await openStream(bench, () => streamOf(["one"])))[Symbol.asyncIterator]().return?.();
    // What is left is the renewal of holds, which ends by itself.
    await bench.ports.clock.advanceAsync(HOLD_MS / 3);
    expect(bench.ports.clock.pending).toBe(0);
  });

  it("is recorded, and said aloud, where the store cannot give back what it held", async () => {
    const ports = createTestPorts();
    const state = sharedState(ports);
    const { ledger } = state;
    ledger.release = () => {
      throw new Error("the store is away");
    };
    const bench = createBench({ policies: [BUDGET], sharedPorts: ports, state });
    await openStream(bench, () => streamOf(["one"]));
    await bench.ports.clock.advanceAsync(HOLD_MS);
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }]);
    expect(ports.logger.messages("error")).toStrictEqual(["release of a finished call failed"]);
  });
});

describe("a tool whose values nobody reads", () => {
  it("is given up as a stream is, and its source is closed", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const closed: string[] = [];
    const source = (name: string): AsyncIterable<number> => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: true, value: undefined }),
        async return() {
          closed.push(name);
          return { done: true, value: undefined };
        },
      }),
    });
    await openTool(bench, () => source("dropped"));
    await bench.ports.clock.advanceAsync(HOLD_MS);
    await (await openTool(bench, () => source("left"), "c2"))[Symbol.asyncIterator]().return?.();
    expect(closed).toStrictEqual(["dropped", "left"]);
  });

  it("has run when it could have begun before its values were asked for", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const begun: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject() }) };
    await openTool(bench, () => begun);
    await bench.ports.clock.advanceAsync(HOLD_MS);
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
    expect((await limitsOf(bench))[1]).toStrictEqual({ used: 1, held: 0 });
  });

  it("runs once, however often it is read", async () => {
    const bench = createBench();
    let runs = 0;
    const again: AsyncIterable<number> = {
      async *[Symbol.asyncIterator]() {
        runs++;
        yield 1;
      },
    };
    const values = await openTool(bench, () => again);
    const read: number[] = [];
    for await (const value of values) read.push(value);
    expect(read).toStrictEqual([1]);
    expect(() => values[Symbol.asyncIterator]()).toThrow(/read once/);
    expect(runs).toBe(1);
  });
});
