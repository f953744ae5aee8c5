import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "./bench.ts";

const ONE_PER_UNIT = { costMicroUsd: (_model: unknown, usage: { outputTokens?: number }) => usage.outputTokens ?? 0 };

async function taken({ plane }: Bench, ruleId: string): Promise<number> {
  const [state] = await plane.limits.read({ policyId: "p", ruleId, agent: "bot", tenant: "acme" });
  return (state?.used ?? 0) + (state?.held ?? 0);
}

describe("a hard limit", () => {
  it("admits exactly the limit in a window and says when to try again", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 2, window: "1m" })])] });
    await bench.plane.engine.decide(toolCall("search"));
    bench.ports.clock.advance(10_000);
    await bench.plane.engine.decide(toolCall("search"));
    const refused = await bench.plane.engine.decide(toolCall("search"));
    expect(refused).toMatchObject({ effect: "block", verdict: "block", cause: "limit", policyId: "p", ruleId: "rate" });
    expect(refused.retryAfterMs).toBe(50_000);
    expect(refused.reason).toContain("at most 2 calls per 1m");
    bench.ports.clock.advance(50_000);
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow", retryAfterMs: undefined });
  });

  it("is not consumed by a call that another limit or rule denies", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [
          rule.rate({ id: "wide", limit: 10, window: "1h" }),
          rule.rate({ id: "narrow", limit: 1, window: "1h" }),
          rule.denylist({ tools: ["update"] }),
        ]),
      ],
    });
    await bench.plane.engine.decide(toolCall("search"));
    for (const tool of ["search", "update", "search"]) {
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      expect(await bench.plane.engine.decide(toolCall(tool))).toMatchObject({ effect: "block" });
    }
    expect(await taken(bench, "wide")).toBe(1);
  });

  it("counts apart by agent, tenant, user, session and tool, and together globally", async () => {
    const per = ["agent", "user", "session", "tool", "global"] as const;
    const ids = { agent: "bot-2", user: "bob", session: "s2" };
    for (const subject of per) {
      const { plane } = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h", per: subject })])] });
      const first = toolCall("search", {}, { user: "ann" });
      const other = subject === "tool" ? toolCall("update", {}, { user: "ann" }) : { ...first, ...ids };
      // oxlint-disable no-await-in-loop -- one plane after the other
      await plane.engine.decide(first);
      const effects = [first, other, { ...first, tenant: "beta" }].map(async (call) => (await plane.engine.decide(call)).effect);
      const apart = subject === "global" ? "block" : "allow";
      expect([subject, ...(await Promise.all(effects))]).toStrictEqual([subject, "block", apart, apart]);
      // oxlint-enable no-await-in-loop
    }
  });

  it("puts calls without the dimension into one shared bucket", async () => {
    const { plane } = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h", per: "user" })])] });
    await plane.engine.decide(toolCall("search", {}, { agent: "a" }));
    expect(await plane.engine.decide(toolCall("search", {}, { agent: "b" }))).toMatchObject({ effect: "block" });
  });

  it("keeps its counts over a hot reload with another number, and starts anew with another window", async () => {
    const { plane } = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h" })])] });
    await plane.engine.decide(toolCall("search"));
    plane.engine.addPolicy(blocking("p", [rule.rate({ limit: 2, window: "1h" })]));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block" });
    plane.engine.addPolicy(blocking("p", [rule.rate({ limit: 2, window: "2h" })]));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("neither refills nor freezes when the wall clock jumps", async () => {
    const { plane, ports } = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1m" })])] });
    await plane.engine.decide(toolCall("search"));
    ports.clock.jumpWall(-3_600_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block", retryAfterMs: 60_000 });
    ports.clock.jumpWall(7_200_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block", retryAfterMs: 60_000 });
    ports.clock.advance(60_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("can be granted more and reset by an operator, on the record", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h" })])] });
    const ref = { policyId: "p", ruleId: "rate", agent: "bot", tenant: "acme" };
    await bench.plane.engine.decide(toolCall("search"));
    await bench.plane.limits.grant(ref, 1, { by: "olga", reason: "month end" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block" });
    await bench.plane.limits.reset(ref, { by: "olga" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(bench.controls("limit_grant")).toMatchObject([{ by: "olga", subject: "p/rate", reason: "month end" }]);
    expect(bench.controls("limit_reset")).toHaveLength(1);
    expect(() => bench.plane.limits.grant(ref, -1, { by: "olga" })).toThrow("positive");
    expect(() => bench.plane.limits.read({ policyId: "q", ruleId: "rate" })).toThrow('no policy "q"');
  });
});

describe("a soft limit", () => {
  it("that no ladder takes asks; a call that still goes on is charged over the limit and marked", async () => {
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [blocking("p", [rule.rate({ limit: 1, window: "1h", onBreach: "escalate" })])],
    });
    const call = toolCall("search", {}, { callId: "c2" });
    await bench.plane.engine.decide(toolCall("search"));
    const pending = await bench.plane.engine.decide(call);
    expect(pending).toMatchObject({ effect: "ask", verdict: "escalate" });
    expect(await taken(bench, "rate"), "nothing is held while a person is awaited").toBe(1);
    await bench.plane.approvals.approve(pending.approvalId ?? "", { by: "olga", role: "operator" });
    expect(await bench.plane.engine.decide(call)).toMatchObject({ effect: "allow", isOverrun: true });
    expect(await taken(bench, "rate")).toBe(2);
  });

  it("with onBreach degrade sets the mode first and judges the call by it", async () => {
    const degrade = { mode: "READ_ONLY", recover: { after: "10m" } } as const;
    const { plane, ports } = createBench({
      policies: [blocking("p", [rule.rate({ limit: 1, window: "1m", onBreach: "degrade", degrade })])],
    });
    await plane.engine.decide(toolCall("search"));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow", verdict: "degrade", isOverrun: true });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "mode" });
    ports.clock.advance(600_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });
});

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
    await bench.plane.guard.complete(admission, { status: "ran", result: "hi", usage: { inputTokens: 10, outputTokens: 2 } });
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
    const end = { status: "failed", error: new Error("cut off"), usage: { inputTokens: 10, outputTokens: 5 } } as const;
    await expect(Promise.resolve().then(() => bench.plane.guard.complete(admission, end))).rejects.toThrow("cut off");
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
      costMicroUsd: ({ name }: { readonly name: string }) => (name === "free" ? 0 : name === "paid" ? 600_000 : undefined),
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
    const contexts = [1, 2, 3, 4, 5].map((at) => bench.plane.guard.context(toolCall("search", { at }, { callId: `c${at}` })));
    const admitted = await bench.plane.guard.admitBatch(contexts);
    expect(admitted.map(({ status }) => status)).toStrictEqual(["admitted", "admitted", "admitted", "blocked", "blocked"]);
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
