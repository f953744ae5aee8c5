import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall, type Bench } from "./bench.ts";

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
    expect(refused).toMatchObject({
      effect: "block",
      verdict: "block",
      cause: "limit",
      policyId: "p",
      ruleId: "rate",
    });
    expect(refused.retryAfterMs).toBe(50_000);
    expect(refused.reason).toContain("at most 2 calls per 1m");
    bench.ports.clock.advance(50_000);
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "allow",
      retryAfterMs: undefined,
    });
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

  it("that is spent has no say in a call that a rule blocks: there is one breach, the rule's", async () => {
    const { plane } = createBench({
      policies: [
        blocking("p", [rule.denylist({ tools: ["update"] }), rule.rate({ limit: 1, window: "1h" })]),
      ],
    });
    await plane.engine.decide(toolCall("search"));
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision).toMatchObject({ cause: "rule", ruleId: "denylist", retryAfterMs: undefined });
    expect(decision.findings.map(({ ruleId }) => ruleId)).toStrictEqual(["denylist"]);
  });

  it("counts apart by agent, tenant, user, session and tool, and together globally", async () => {
    const per = ["agent", "user", "session", "tool", "global"] as const;
    const ids = { agent: "bot-2", user: "bob", session: "s2" };
    for (const subject of per) {
      const { plane } = createBench({
        policies: [blocking("p", [rule.rate({ limit: 1, window: "1h", per: subject })])],
      });
      const first = toolCall("search", {}, { user: "ann" });
      const other = subject === "tool" ? toolCall("update", {}, { user: "ann" }) : { ...first, ...ids };
      // oxlint-disable no-await-in-loop -- one plane after the other
      await plane.engine.decide(first);
      const effects = [first, other, { ...first, tenant: "beta" }].map(
        async (call) => (await plane.engine.decide(call)).effect,
      );
      const apart = subject === "global" ? "block" : "allow";
      expect([subject, ...(await Promise.all(effects))]).toStrictEqual([subject, "block", apart, apart]);
      // oxlint-enable no-await-in-loop
    }
  });

  it("puts calls without the dimension into one shared bucket", async () => {
    const { plane } = createBench({
      policies: [blocking("p", [rule.rate({ limit: 1, window: "1h", per: "user" })])],
    });
    await plane.engine.decide(toolCall("search", {}, { agent: "a" }));
    expect(await plane.engine.decide(toolCall("search", {}, { agent: "b" }))).toMatchObject({
      effect: "block",
    });
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
    const { plane, ports } = createBench({
      policies: [blocking("p", [rule.rate({ limit: 1, window: "1m" })])],
    });
    await plane.engine.decide(toolCall("search"));
    ports.clock.jumpWall(-3_600_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      retryAfterMs: 60_000,
    });
    ports.clock.jumpWall(7_200_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      retryAfterMs: 60_000,
    });
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
    expect(bench.controls("limit_grant")).toMatchObject([
      { by: "olga", subject: "p/rate", reason: "month end" },
    ]);
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
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "allow",
      verdict: "degrade",
      isOverrun: true,
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "mode" });
    ports.clock.advance(600_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });
});
