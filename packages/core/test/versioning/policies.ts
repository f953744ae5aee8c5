import * as fc from "fast-check";

import type { Policy, RuleSpec } from "../../src/policy/policy.ts";

export const POLICY: Policy = {
  id: "acme.data",
  selector: { agents: ["billing-*"], tenants: ["acme"] },
  priority: 100,
  blocking: [
    { rule: "allowlist", tools: ["sql_run", "search"] },
    { rule: "rate", id: "calls", limit: 100, window: "1h", per: "tenant" },
    { rule: "condition", where: { input: { amount: { lte: 500 } } } },
  ],
};

/** JSON data with the names that trip code which treats objects as dictionaries. */
const json = fc.jsonValue({ maxDepth: 2 });
const key = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "limit", "a b"),
  fc.string({ maxLength: 4 }),
);

const rules: fc.Arbitrary<readonly RuleSpec[]> = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom("rate", "redact", "x", "y", "z"), fc.dictionary(key, json))
    .map(([id, params]) => ({
      ...params,
      rule: "rate",
      id,
    })),
  { selector: ({ id }) => id, maxLength: 5 },
);

/** Any policy data, also such as loading would refuse. */
export const policies: fc.Arbitrary<Policy> = fc
  .record(
    {
      id: fc.constant("p"),
      description: fc.string(),
      priority: fc.integer(),
      selector: fc.dictionary(key, fc.array(fc.string(), { maxLength: 3 })),
      blocking: rules,
      nonBlocking: fc.oneof(rules, fc.array(fc.constant({ rule: "twice" }), { minLength: 2, maxLength: 3 })),
      escalation: fc.array(json, { maxLength: 3 }),
    },
    { requiredKeys: ["id"] },
  )
  // JSON text drops what JSON has no word for (-0), as publishing does.
  .map((policy) => JSON.parse(JSON.stringify(policy)) as Policy);
