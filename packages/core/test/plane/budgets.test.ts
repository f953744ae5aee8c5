import { describe, expect, it } from "vitest";

import { memorySink } from "../../src/audit/memory-sink.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "./bench.ts";

const ONE_PER_UNIT = {
  costMicroUsd: (_model: unknown, usage: { outputTokens?: number }) => usage.outputTokens ?? 0,
};

async function taken({ plane }: Bench, ruleId: string): Promise<number> {
  const [state] = await plane.limits.read({ policyId: "p", ruleId, agent: "bot", tenant: "acme" });
  return (state?.used ?? 0) + (state?.held ?? 0);
}

function ofModel(name: string): ReturnType<typeof modelCall> {
  return modelCall({ model: { name, messages: [] } });
}

describe("a budget", () => {
  it("holds the estimate, clamps the request to it, and settles what was really used", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const admission = await bench.plane.guard.admit(bench.plane.guard.context(modelCall()));
    if (admission.status !== "admitted") throw new Error("not admitted");
    expect(admission.context.model?.maxOutputTokens).toBe(90);
    expect(await taken(bench, "tokenBudget")).toBe(100);
    await bench.plane.guard.complete(admission, {
      status: "ran",
      result: "hi",
      usage: { inputTokens: 10, outputTokens: 2 },
    });
    expect(await taken(bench, "tokenBudget")).toBe(12);
  });

  it("charges a result without usage at the estimate, and says so", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    await bench.plane.guard.modelCall({ context: bench.plane.guard.context(modelCall()), run: () => "hi" });
    expect(await taken(bench, "tokenBudget")).toBe(100);
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran", isEstimated: true }]);
  });

  const UNREADABLE_USAGES: readonly [string, () => unknown][] = [
    ["null", () => null],
    [
      "a getter that throws",
      () => ({
        get inputTokens(): number {
          throw new Error("not now");
        },
      }),
    ],
    ["a number that JSON lacks", () => ({ inputTokens: 10n, outputTokens: Number.NaN })],
    ["no object", () => "12 tokens"],
  ];

  it.for([
    ...UNREADABLE_USAGES,
    ...UNREADABLE_USAGES.map(([what, usage]) => [`${what}, its result judged`, usage] as const),
  ])("settles and records a call whose usage is %s", async ([what, usage]) => {
    const judging = what.endsWith("judged") ? [rule.redact({ fields: ["ssn"] })] : [];
    const budget = rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 });
    const audit = memorySink();
    const bench = createBench({
      audit,
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [budget, ...judging])],
    });
    const context = modelCall({ callId: "c1" });
    // What callers without types report.
    const call = { context, run: () => "hi", usage: usage as () => undefined };
    expect(await bench.plane.guard.modelCall(call)).toMatchObject({ status: "ran", result: "hi" });
    expect(await taken(bench, "tokenBudget")).toBe(100);
    expect(audit.records().at(-1)).toMatchObject({ kind: "outcome", outcome: "ran", isEstimated: true });
    expect(await bench.plane.guard.admit(context)).toMatchObject({ decision: { cause: "already_executed" } });
  });

  it("charges a call that an operator cut at the estimate: its provider may have gone on", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const context = bench.plane.guard.context(modelCall());
    const running = bench.plane.guard.modelCall({ context, run: () => new Promise<never>(() => undefined) });
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "drill" });
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(await taken(bench, "tokenBudget")).toBe(100);
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld", isEstimated: true }]);
  });

  it("gives back what a call held that failed by itself", async () => {
    const bench = createBench({
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const context = bench.plane.guard.context(modelCall());
    const run = (): never => {
      throw new Error("down");
    };
    await expect(async () => bench.plane.guard.modelCall({ context, run })).rejects.toThrow("down");
    expect(await taken(bench, "tokenBudget")).toBe(0);
    expect(bench.outcomes()[0]?.isEstimated).toBeUndefined();
  });

  it.each([
    [{ inputTokens: -5, outputTokens: -5 }, 100],
    [{ inputTokens: 20, outputTokens: -100 }, 110],
    [{ outputTokens: 4 }, 14],
    [{ inputTokens: Number.NaN, outputTokens: 1e300 }, 100],
    [{}, 100],
  ])("charges what the usage %j leaves open at its estimate, and says so", async (usage, charged) => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const context = bench.plane.guard.context(modelCall());
    await bench.plane.guard.modelCall({ context, run: () => "hi", usage: () => usage });
    expect(await taken(bench, "tokenBudget")).toBe(charged);
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran", isEstimated: true }]);
  });

  it("does not call a cost an estimate that was reported", async () => {
    const bench = createBench({
      prices: ONE_PER_UNIT,
      policies: [blocking("p", [rule.costBudget({ maxUsd: 1, window: "1h" })])],
    });
    const context = bench.plane.guard.context(modelCall());
    await bench.plane.guard.modelCall({ context, run: () => "hi", usage: () => ({ costMicroUsd: 7 }) });
    expect(await taken(bench, "costBudget")).toBe(7);
    expect(bench.outcomes()[0]?.isEstimated).toBeUndefined();
  });

  it("of a call that evaluate lets through counts at its estimate: nobody will report its end", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    await bench.plane.engine.evaluate(modelCall());
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "tokenBudget",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 100, held: 0 });
  });

  it("is given back when the call fails without usage, and charged when it fails with it", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const context = bench.plane.guard.context(modelCall());
    const failing = { context, run: () => Promise.reject(new Error("down")) };
    await expect(bench.plane.guard.modelCall(failing)).rejects.toThrow("down");
    expect(await taken(bench, "tokenBudget")).toBe(0);
    const admission = await bench.plane.guard.admit(context);
    if (admission.status !== "admitted") throw new Error("not admitted");
    const end = {
      status: "failed",
      error: new Error("cut off"),
      usage: { inputTokens: 10, outputTokens: 5 },
    } as const;
    await expect(Promise.resolve().then(() => bench.plane.guard.complete(admission, end))).rejects.toThrow(
      "cut off",
    );
    expect(await taken(bench, "tokenBudget")).toBe(15);
  });

  it("refuses a call whose estimate does not fit: it is not capped to what is left", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 99, window: "1h", maxOutput: 90 })])],
    });
    expect(await bench.plane.engine.decide(modelCall())).toMatchObject({ effect: "block", cause: "limit" });
    const smaller = modelCall({ model: { name: "m", messages: [], maxOutputTokens: 50 } });
    expect(await bench.plane.engine.decide(smaller)).toMatchObject({ effect: "allow" });
  });

  it("in dollars does not hold up a model that costs nothing, and refuses one of unknown price", async () => {
    const prices = {
      costMicroUsd: ({ name }: { readonly name: string }) =>
        name === "free" ? 0 : name === "paid" ? 600_000 : undefined,
    };
    const { plane } = createBench({
      prices,
      policies: [blocking("p", [rule.costBudget({ maxUsd: 1, window: { calendar: "day" }, per: "tenant" })])],
    });
    expect(await plane.engine.decide(ofModel("paid"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(ofModel("paid"))).toMatchObject({ effect: "block", cause: "limit" });
    expect(await plane.engine.decide(ofModel("free"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(ofModel("new"))).toMatchObject({ effect: "block", cause: "rule" });
  });

  it("records a late settlement above the limit as used: the next call is refused", async () => {
    const bench = createBench({
      prices: ONE_PER_UNIT,
      policies: [blocking("p", [rule.costBudget({ maxUsd: 0.001, window: "1h", maxOutput: 10 })])],
    });
    const context = bench.plane.guard.context(modelCall());
    await bench.plane.guard.modelCall({ context, run: () => "x", usage: () => ({ outputTokens: 5_000 }) });
    expect(await taken(bench, "costBudget")).toBe(5_000);
    expect(await bench.plane.engine.decide(modelCall())).toMatchObject({ effect: "block", cause: "limit" });
  });
});

describe("batch admission", () => {
  it("admits exactly the first k of the n calls of one turn, each with its own decision", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 3, window: "1h" })])] });
    const contexts = [1, 2, 3, 4, 5].map((at) =>
      bench.plane.guard.context(toolCall("search", { at }, { callId: `c${at}` })),
    );
    const admitted = await bench.plane.guard.admitBatch(contexts);
    expect(admitted.map(({ status }) => status)).toStrictEqual([
      "admitted",
      "admitted",
      "admitted",
      "blocked",
      "blocked",
    ]);
    expect(new Set(admitted.map(({ decision }) => decision.id)).size).toBe(5);
    expect(bench.decisions()).toHaveLength(5);
  });

  it("lets a call that needs less through after one that did not fit", async () => {
    const { plane } = createBench({
      tokenizer: { countTokens: () => 0 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 100, window: "1h", maxOutput: 1_000 })])],
    });
    const sized = [60, 60, 40].map((maxOutputTokens) =>
      plane.guard.context(modelCall({ model: { name: "m", messages: [], maxOutputTokens } })),
    );
    const admitted = await plane.guard.admitBatch(sized);
    expect(admitted.map(({ status }) => status)).toStrictEqual(["admitted", "blocked", "admitted"]);
  });

  it("of calls that arrive at once, exactly k run", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 7, window: "1h" })])] });
    let runs = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async () =>
        bench.plane.guard.toolCall({
          context: bench.plane.guard.context(toolCall("search")),
          run: async () => {
            await Promise.resolve();
            runs++;
          },
        }),
      ),
    );
    expect(runs).toBe(7);
    expect(outcomes.filter(({ status }) => status === "ran")).toHaveLength(7);
  });
});
