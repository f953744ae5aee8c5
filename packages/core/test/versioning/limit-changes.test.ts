import { expect, test } from "vitest";

import type { Policy, RuleSpec } from "../../src/policy/policy.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { limitChanges } from "../../src/versioning/limit-changes.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import { createVersions } from "../../src/versioning/versions.ts";

const RATE: RuleSpec = { rule: "rate", id: "calls", limit: 5, window: "1h", per: "tenant" };

function policyOf(rule: object, more: Partial<Policy> = {}): Policy {
  return { id: "p", blocking: [{ ...RATE, ...rule }], ...more };
}

test.for<[string, object, object]>([
  ["a changed number", {}, { limit: 9 }],
  ["a default that is written out", { per: undefined, onBreach: "block" }, { per: "agent" }],
  ["the same subjects in a list", {}, { per: ["tenant"] }],
  ["a subject that goes", { per: ["tenant", "agent"] }, {}],
  [
    "a time zone that is the default",
    { window: { calendar: "day" } },
    { window: { calendar: "day", timeZone: "UTC" } },
  ],
  ["a limit that is new", { id: "other" }, {}],
  ["a window of history", { rule: "idempotency" }, { rule: "idempotency", window: "2h" }],
])("%s keeps every count", ([, before, after]) => {
  const old = policyOf(before);
  const known = Object.fromEntries(
    Object.entries(old.blocking?.[0] ?? {}).filter(([, value]) => value !== undefined),
  );
  expect(
    limitChanges({ ...old, blocking: [{ ...known, rule: String(known["rule"]) }] }, policyOf(after)),
  ).toStrictEqual([]);
});

test.for<[string, object, string]>([
  ["a changed window", { window: "1d" }, 'limit "calls" starts anew: window was 1h and is 1d'],
  ["a new subject", { per: ["tenant", "user"] }, 'limit "calls" starts anew: per user is new'],
  [
    "another kind",
    { rule: "timeBudget", limit: "5m" },
    'limit "calls" starts anew: it was rate and is timeBudget',
  ],
])("%s starts anew", ([, after, note]) => {
  expect(limitChanges(policyOf({}), policyOf(after))).toStrictEqual([note]);
});

test("a policy that leaves shadow counts apart from what it counted there", () => {
  expect(limitChanges(policyOf({}, { mode: "shadow" }), policyOf({}))).toStrictEqual([
    'limit "calls" starts anew: shadow policies count apart',
  ]);
});

test("what only tracks a cost is compared with its defaults", () => {
  const tracking = (rule: object): Policy => ({ id: "p", nonBlocking: [{ rule: "costTracking", ...rule }] });
  expect(limitChanges(tracking({}), tracking({ per: "tenant", window: "lifetime" }))).toStrictEqual([]);
  expect(limitChanges(tracking({}), tracking({ window: "1d" }))).toHaveLength(1);
});

test("publishing says so, in the version and in its record", async () => {
  const records: object[] = [];
  const { hash } = createPorts();
  const versions = createVersions({
    versions: memoryState().versions,
    hash,
    nowMs: () => 1,
    record: (record) => records.push(record),
  });
  const note = { author: "ada", changelog: "wider" };
  expect((await versions.publish(policyOf({}), note)).notes).toStrictEqual([]);
  const notes = ['limit "calls" starts anew: window was 1h and is 1d'];
  expect((await versions.publish(policyOf({ window: "1d" }), note)).notes).toStrictEqual(notes);
  expect(records).toMatchObject([{ data: { version: 1 } }, { data: { version: 2, notes } }]);
  expect(Object.keys((records[0] as { data: object }).data)).not.toContain("notes");
});
