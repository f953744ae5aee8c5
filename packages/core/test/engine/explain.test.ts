import { expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const RATE = rule.rate({ limit: 1, window: "1h" });
const NO_REPEAT = rule.idempotency({ window: "10m" });

it("asks the rules that read the session", async () => {
  const { plane } = createBench({ policies: [blocking("once", [NO_REPEAT])] });
  expect(await plane.engine.explain(toolCall("search", { q: 1 }))).toMatchObject({
    effect: "allow",
    isUnknown: false,
  });
  await plane.engine.evaluate(toolCall("search", { q: 1 }));
  expect(await plane.engine.explain(toolCall("search", { q: 1 }))).toMatchObject({
    effect: "block",
    policyId: "once",
  });
});

it("tells which limits have no room, also behind a block", async () => {
  const policies = [
    blocking("deny", [rule.denylist({ tools: ["update"] })], { priority: 1 }),
    blocking("pace", [RATE]),
  ];
  const { plane } = createBench({ policies });
  await plane.engine.evaluate(toolCall("search"));
  const { findings } = await plane.engine.explain(toolCall("update"));
  expect(findings.map(({ policyId, answer }) => [policyId, answer])).toStrictEqual([
    ["deny", "block"],
    ["pace", "block"],
  ]);
});

it("changes and records nothing", async () => {
  const bench = createBench({
    approvals: { resolver: "external" },
    policies: [
      blocking("pace", [RATE]),
      // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language
      blocking("ask", [rule.condition({ where: { tool: "update" }, then: "escalate" })], {
        escalation: [
          { trigger: "condition", after: 1, within: "1h", action: { degrade: { mode: "FULL_BLOCK" } } },
        ],
      }),
    ],
  });
  for (let time = 0; time < 3; time++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await bench.plane.engine.explain(toolCall("update"))).toMatchObject({
      effect: "ask",
      verdict: "escalate",
    });
  }
  expect(bench.decisions()).toStrictEqual([]);
  expect(bench.controls().map(({ action }) => action)).not.toContain("approval_requested");
  expect(bench.plane.controls.status().modes).toStrictEqual([]);
  const [state] = await bench.plane.limits.read({
    policyId: "pace",
    ruleId: "rate",
    agent: "bot",
    tenant: "acme",
  });
  expect(state).toMatchObject({ used: 0, held: 0 });
});
