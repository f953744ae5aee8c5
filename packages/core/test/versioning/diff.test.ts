import * as fc from "fast-check";
import { expect, test } from "vitest";

import { canonicalJson } from "../../src/base/canonical-json.ts";
import { applyDiff } from "../../src/versioning/apply-diff.ts";
import { diffPolicies } from "../../src/versioning/diff.ts";
import { POLICY, policies } from "./policies.ts";

const rules = POLICY.blocking ?? [];
const withRules = (...blocking: NonNullable<typeof POLICY.blocking>) => ({ ...POLICY, blocking });

test("diff sees parameter changes", () => {
  const [allowlist, rate, condition] = rules as [(typeof rules)[0], (typeof rules)[0], (typeof rules)[0]];
  const changed = withRules(
    allowlist,
    { ...rate, limit: 50 },
    { ...condition, where: { input: { amount: { lte: 50 } } } },
  );
  expect(diffPolicies(POLICY, changed)).toStrictEqual({
    values: [],
    order: [],
    rules: [
      {
        change: "changed",
        list: "blocking",
        ruleId: "calls",
        values: [{ change: "changed", path: "$.limit", at: ["limit"], before: 100, after: 50 }],
      },
      {
        change: "changed",
        list: "blocking",
        ruleId: "condition",
        values: [
          {
            change: "changed",
            path: "$.where.input.amount.lte",
            at: ["where", "input", "amount", "lte"],
            before: 500,
            after: 50,
          },
        ],
      },
    ],
  });
});

test("diff sees added and removed rules and parameters, matched by id", () => {
  const [allowlist, rate] = rules as [(typeof rules)[0], (typeof rules)[0]];
  const { window, ...endless } = rate;
  const audit = { rule: "audit" };
  const next = { ...withRules(endless, allowlist), nonBlocking: [audit] };
  const diff = diffPolicies(POLICY, next);
  expect(diff.rules).toStrictEqual([
    {
      change: "changed",
      list: "blocking",
      ruleId: "calls",
      values: [{ change: "removed", path: "$.window", at: ["window"], before: window }],
    },
    { change: "removed", list: "blocking", ruleId: "condition", rule: rules[2] },
    { change: "added", list: "nonBlocking", ruleId: "audit", rule: audit },
  ]);
  expect(diff.order).toStrictEqual([
    { list: "blocking", before: ["allowlist", "calls", "condition"], after: ["calls", "allowlist"] },
    { list: "nonBlocking", after: ["audit"] },
  ]);
});

test("diff sees what lies outside the rules, with paths from the policy", () => {
  const next = { ...POLICY, priority: 1, selector: { agents: ["billing-1"], tags: { "a b": "x" } } };
  expect(diffPolicies(POLICY, next).values.map(({ change, path }) => [change, path])).toStrictEqual([
    ["changed", "$.priority"],
    ["changed", "$.selector.agents[0]"],
    ["added", "$.selector.tags"],
    ["removed", "$.selector.tenants"],
  ]);
});

test("equal content has no difference", () => {
  fc.assert(
    fc.property(policies, (policy) => {
      expect(diffPolicies(policy, structuredClone(policy))).toStrictEqual({
        values: [],
        rules: [],
        order: [],
      });
    }),
  );
});

test("a diff applied to the older policy gives the newer one, also after a trip through JSON", () => {
  fc.assert(
    fc.property(policies, policies, (before, after) => {
      const diff = diffPolicies(before, after);
      // Compared as text: a member named `constructor` misleads structural equality.
      expect(canonicalJson(applyDiff(diff, before))).toBe(canonicalJson(after));
      expect(canonicalJson(applyDiff(JSON.parse(JSON.stringify(diff)), before))).toBe(canonicalJson(after));
    }),
    { numRuns: 1_000 },
  );
});

test("a diff made from other content is refused where it does not fit", () => {
  const diff = diffPolicies(POLICY, withRules({ ...rules[1], rule: "rate", id: "calls", limit: 5 }));
  expect(() => applyDiff(diff, { id: "acme.data" })).toThrow(/does not fit: blocking\[allowlist\]/);
});
