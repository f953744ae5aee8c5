import { describe, expect, it } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import { atOnceState } from "../store/at-once-state.ts";
import { createSlowState } from "../testing/slow-state.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "./bench.ts";

class Interrupt extends Error {}

const isControlFlow = (error: unknown): boolean => error instanceof Interrupt;
const interrupted = async (): Promise<never> => {
  throw new Interrupt();
};
const CALL = toolCall("update", { order: 1 }, { callId: "c1" });
const TWIN = toolCall("update", { order: 1 }, { callId: "c2" });
const STORES = [
  ["in memory", () => ({})],
  ["in a store that answers later", () => ({ state: createSlowState() })],
  ["in a store that admits in one step", () => ({ state: atOnceState(memoryState()) })],
] as const;
const ABOUT_THE_PAST = [rule.idempotency({ window: "10m" }), rule.loop({ maxRepeats: 1 })];

/** Runs a tool call, and says how that ended. */
async function endOf({ plane }: Bench, context: ContextInit, run: () => unknown = () => 1): Promise<string> {
  return (await plane.guard.toolCall({ context, run })).status;
}

describe.each(ABOUT_THE_PAST.map((past) => [past.rule, past] as const))("under %s", (_kind, past) => {
  it.each(STORES)("a call that was interrupted goes on, and none like it runs, %s", async (_where, store) => {
    const bench = createBench({ ...store(), policies: [blocking("p", [past])] });
    await expect(
      bench.plane.guard.toolCall({ context: CALL, run: interrupted, isControlFlow }),
    ).rejects.toThrow(Interrupt);
    expect(await endOf(bench, TWIN)).toBe("blocked");
    expect(await endOf(bench, CALL)).toBe("ran");
    expect(await endOf(bench, TWIN)).toBe("blocked");
  });

  it("a second layer of a call goes on when the policies have changed since the first", async () => {
    const bench = createBench({ policies: [blocking("p", [past])] });
    const inner: string[] = [];
    const outer = await endOf(bench, CALL, async () => {
      bench.plane.engine.addPolicy(blocking("other", [rule.denylist({ tools: ["send_mail"] })]));
      inner.push(await endOf(bench, CALL));
    });
    expect([outer, ...inner]).toEqual(["ran", "ran"]);
    expect(await endOf(bench, TWIN)).toBe("blocked");
  });
});

it("a model call that was interrupted is one of its iterations, not two", async () => {
  const { plane } = createBench({ policies: [blocking("p", [rule.loop({ maxIterations: 1 })])] });
  const context = modelCall({ callId: "m1" });
  await expect(plane.guard.modelCall({ context, run: interrupted, isControlFlow })).rejects.toThrow(
    Interrupt,
  );
  expect(await plane.guard.modelCall({ context, run: () => "hi" })).toMatchObject({ status: "ran" });
  expect(
    await plane.guard.modelCall({ context: modelCall({ callId: "m2" }), run: () => "hi" }),
  ).toMatchObject({ status: "blocked" });
});

it("conditions do not count the interrupted call itself either", async () => {
  const { plane } = createBench({
    policies: [blocking("p", [rule.condition({ where: { history: { calls: { gte: 1 } } } })])],
  });
  await expect(plane.guard.toolCall({ context: CALL, run: interrupted, isControlFlow })).rejects.toThrow(
    Interrupt,
  );
  expect(await plane.engine.decide(TWIN)).toMatchObject({ effect: "block" });
  expect(await plane.engine.decide(CALL)).toMatchObject({ effect: "allow" });
});

it("a retry of what failed counts as a repeat", async () => {
  const bench = createBench({ policies: [blocking("p", [rule.loop({ maxRepeats: 1 })])] });
  const failing = { context: CALL, run: async () => Promise.reject(new Error("down")) };
  await expect(bench.plane.guard.toolCall(failing)).rejects.toThrow("down");
  expect(await endOf(bench, CALL)).toBe("blocked");
});

it("an explanation of a call that was interrupted leaves it out too", async () => {
  const bench = createBench({ policies: [blocking("p", [rule.loop({ maxRepeats: 1 })])] });
  await expect(
    bench.plane.guard.toolCall({ context: CALL, run: interrupted, isControlFlow }),
  ).rejects.toThrow(Interrupt);
  expect((await bench.plane.engine.explain(CALL)).effect).toBe("allow");
  expect((await bench.plane.engine.explain(TWIN)).effect).toBe("block");
});
