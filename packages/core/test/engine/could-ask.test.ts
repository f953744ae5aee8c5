import { describe, expect, it } from "vitest";

import type { Policy } from "../../src/policy/policy.ts";
import { defineRule, type CompiledRule } from "../../src/rules/rule.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import * as z from "zod/mini";
import { blocking, createBench } from "../plane/bench.ts";

const CALL = { hookpoint: "before_tool_call", agent: "bot", tenant: "acme", tool: "refund" } as const;
const REFUND = { tool: "refund" };
const ASKS = [rule.condition({ where: REFUND, then: "escalate" })];
const resolver = { approvals: { resolver: "external" } } as const;

function couldAsk(policies: Policy[], more: object = resolver): boolean {
  const { plane } = createBench({ policies, ...more });
  return plane.engine.couldAsk(CALL);
}

describe("a human could be asked about a call", () => {
  const own = defineRule({
    kind: "own",
    summary: "Says nothing of what it may say.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({ check: () => undefined }),
  });

  it.each<[string, Policy["blocking"]]>([
    ["a condition escalates", ASKS],
    ["a limit escalates", [rule.rate({ limit: 9, window: "1h", per: "tenant", onBreach: "escalate" })]],
    [
      "a limit degrades",
      [
        rule.rate({
          limit: 9,
          window: "1h",
          per: "tenant",
          onBreach: "degrade",
          degrade: { mode: "HUMAN_LOOP", recover: "manual" },
        }),
      ],
    ],
    ["too many repeats escalate", [rule.loop({ maxRepeats: 3, onBreach: "escalate" })]],
    ["a late run escalates", [rule.sla({ maxRunMs: 9, onBreach: "escalate" })]],
    ["a rule of the application's own may say anything", [{ rule: "own" }]],
  ])("where %s", (_name, rules) => {
    expect(couldAsk([blocking("a", rules ?? [])], { ...resolver, rules: [own] })).toBe(true);
  });

  it("where a kind of one's own has nothing but limits: its estimate may say anything, too", () => {
    const limits: CompiledRule["limits"] = [
      {
        measure: "calls",
        limit: 9,
        window: { kind: "sliding", windowMs: 1_000 },
        per: ["global"],
        onBreach: "block",
        expired: "charge",
        estimate: () => ({
          amount: 0,
          unknown: { answer: { answer: "escalate", reason: "nobody knows what it costs" } },
        }),
        actual: () => undefined,
        describe: () => "nine",
      },
    ];
    const asking = (never: boolean) => ({ ...own, compile: () => ({ limits, neverAsks: never }) });
    const policies = [blocking("a", [{ rule: "own" }])];
    expect(couldAsk(policies, { ...resolver, rules: [asking(false)] })).toBe(true);
    expect(couldAsk(policies, { ...resolver, rules: [asking(true)] })).toBe(false);
  });

  it("while any mode is in force, and no longer", async () => {
    const { plane } = createBench(resolver);
    await plane.controls.degrade({ kind: "agent", id: "bot" }, "HUMAN_LOOP", { by: "olga" });
    expect(plane.engine.couldAsk(CALL)).toBe(true);
    await plane.controls.recover({ kind: "agent", id: "bot" }, { by: "olga" });
    expect(plane.engine.couldAsk(CALL)).toBe(false);
  });

  it("by the policies of now", () => {
    const { plane } = createBench(resolver);
    expect(plane.engine.couldAsk(CALL)).toBe(false);
    plane.engine.addPolicy(blocking("a", ASKS));
    expect(plane.engine.couldAsk(CALL)).toBe(true);
  });
});

describe("no human could be asked about a call", () => {
  it.each<[string, Policy]>([
    [
      "rules only allow or block",
      blocking("a", [
        rule.condition({ id: "yes", where: REFUND, then: "allow" }),
        rule.condition({ id: "no", where: REFUND, then: "block" }),
        rule.denylist({ tools: ["x"] }),
        rule.allowlist({ tools: ["*"] }),
        rule.requireTenant(),
        rule.idempotency({ window: "1h" }),
        rule.loop({ maxRepeats: 3, onBreach: "block" }),
        rule.rate({ limit: 9, window: "1h", per: "tenant" }),
        rule.redact({ fields: ["ssn"] }),
      ]),
    ],
    [
      "a ladder asks about what is blocked",
      {
        ...blocking("a", [rule.denylist({ tools: ["x"] })]),
        escalation: [{ trigger: "denylist", after: 1, within: "1h", action: { hitl: {} } }],
      },
    ],
    ["the policy that asks is a shadow", { ...blocking("a", ASKS), mode: "shadow" }],
    ["it selects another tool", blocking("a", ASKS, { selector: { tools: ["search"] } })],
    ["it selects another tenant", blocking("a", ASKS, { selector: { tenants: ["umbrella"] } })],
    ["it selects model calls", blocking("a", ASKS, { selector: { hookpoints: ["before_model_call"] } })],
    [
      "the rule only looks on",
      { id: "a", nonBlocking: [rule.costTracking({ window: "1h", per: "tenant" })] },
    ],
  ])("where %s", (_name, policy) => {
    expect(couldAsk([policy])).toBe(false);
  });

  it("where nobody can answer", () => {
    expect(couldAsk([blocking("a", ASKS)], {})).toBe(false);
  });

  it("which is known of no call in particular where no policy asks about any", () => {
    expect(createBench(resolver).plane.engine.couldAsk()).toBe(false);
    const { plane } = createBench({ ...resolver, policies: [blocking("a", ASKS)] });
    expect(plane.engine.couldAsk()).toBe(true);
  });
});
