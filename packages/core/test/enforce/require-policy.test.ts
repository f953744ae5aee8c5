import { describe, expect, it, vi } from "vitest";

import { requirePolicy } from "../../src/enforce/require-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench } from "../plane/bench.ts";

type Selector = NonNullable<Policy["selector"]>;

const CAP = blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })]);
const OPTIONS = { agent: "bot", tenant: "acme", policyId: "cap", parameters: ["order", "amount"] } as const;

function refund(order: string, amount: number): string {
  return `${order}:${amount}`;
}

describe("a function that requires a policy", () => {
  it("runs only while the policy is in force, and by its rules", () => {
    const { plane } = createBench();
    const run = vi.fn<typeof refund>(refund);
    const required = requirePolicy(plane, run, { ...OPTIONS, tool: "refund" });
    expect(() => required("o1", 5)).toThrow(
      expect.objectContaining({
        code: "policy_blocked",
        data: expect.objectContaining({ cause: "no_policy" }),
      }),
    );
    expect(run).not.toHaveBeenCalled();
    plane.engine.addPolicy(CAP);
    expect(required("o1", 5)).toBe("o1:5");
    expect(() => required("o1", 501)).toThrow(expect.objectContaining({ policyId: "cap" }));
    plane.engine.removePolicy("cap");
    expect(() => required("o1", 5)).toThrow('refund requires the policy "cap"');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("does not run when the policy goes while the call is being decided", async () => {
    const bench = createBench({ policies: [CAP] });
    bench.plane.hooks.on("before_tool_call", async () => void bench.plane.engine.removePolicy("cap"));
    const run = vi.fn<typeof refund>(refund);
    const required = requirePolicy(bench.plane, run, { ...OPTIONS, tool: "refund" });
    await expect(required("o1", 5)).rejects.toThrow('refund requires the policy "cap"');
    expect(run).not.toHaveBeenCalled();
    expect(bench.outcomes()).toMatchObject([{ outcome: "failed" }]);
  });

  it("does not take a policy in shadow for one that protects", () => {
    const { plane } = createBench({ policies: [{ ...CAP, mode: "shadow" }] });
    const required = requirePolicy(plane, refund, OPTIONS);
    expect(() => required("o1", 5)).toThrow("not in force");
    plane.engine.addPolicy({ ...CAP, mode: "enforce" });
    expect(required("o1", 5)).toBe("o1:5");
  });

  it.for<[string, Selector]>([
    ["tools of another name", { tools: ["refunds"] }],
    ["another agent", { agents: ["support-*"] }],
    ["another tenant", { tenants: ["globex"] }],
    ["another user", { users: ["ada"] }],
    ["other hookpoints", { hookpoints: ["*_model_call"] }],
  ])("does not run where the policy selects %s: it would protect nothing", ([, selector]) => {
    const bench = createBench({ policies: [{ ...CAP, selector }] });
    const required = requirePolicy(bench.plane, refund, { ...OPTIONS, user: "bob" });
    expect(() => required("o1", 5)).toThrow(/requires the policy "cap", whose selector does not concern/);
    expect(bench.decisions()).toMatchObject([{ decision: { effect: "block", cause: "no_policy" } }]);
    bench.plane.engine.addPolicy(CAP);
    expect(required("o1", 5)).toBe("o1:5");
  });

  it("runs where the policy selects its call, before or after, whoever says for whom it acts", () => {
    const current = () => ({ tenant: "acme" });
    const selector = { agents: ["b*"], tenants: ["acme"], tools: ["refund"], hookpoints: ["after_*"] };
    const { plane } = createBench({
      identity: { current, trust: ["async"] },
      policies: [{ ...CAP, selector }],
    });
    const required = requirePolicy(plane, refund, {
      agent: "bot",
      policyId: "cap",
      parameters: ["order", "amount"],
    });
    expect(required("o1", 5)).toBe("o1:5");
  });

  it("leaves tags to the decision: a hook may add the one that selects", () => {
    const { plane } = createBench({ policies: [{ ...CAP, selector: { tags: { env: "prod" } } }] });
    plane.hooks.on("before_tool_call", () => ({ tags: { env: "prod" } }));
    const required = requirePolicy(plane, refund, OPTIONS);
    expect(required("o1", 5)).toBe("o1:5");
    expect(() => required("o1", 501)).toThrow(expect.objectContaining({ policyId: "cap" }));
  });

  it("records the refusal, and gives it to onBlock", () => {
    const bench = createBench();
    const required = requirePolicy(bench.plane, refund, { ...OPTIONS, onBlock: ({ status }) => status });
    expect(required("o1", 5)).toBe("blocked");
    expect(bench.decisions()).toMatchObject([
      {
        tool: "refund",
        decision: { effect: "block", cause: "no_policy", reason: expect.stringContaining("cap") },
      },
    ]);
  });

  it("keeps the name and the length", () => {
    const { plane } = createBench({ policies: [CAP] });
    const required = requirePolicy(plane, refund, OPTIONS);
    expect([required.name, required.length]).toStrictEqual(["refund", 2]);
  });

  it("says at once what is missing to look for a policy", () => {
    const { plane } = createBench();
    const wrap =
      (...args: readonly unknown[]) =>
      () =>
        Reflect.apply(requirePolicy, undefined, args);
    expect(wrap(plane.guard, refund, OPTIONS)).toThrow(/pass the plane itself/);
    expect(wrap(plane, refund, { agent: "bot" })).toThrow(/policyId must be a non-empty text/);
    expect(wrap(plane, refund)).toThrow(/options must be an object/);
  });
});
