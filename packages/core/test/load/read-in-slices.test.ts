import * as fc from "fast-check";
import { expect, test } from "vitest";

import { canonicalJson } from "../../src/base/canonical-json.ts";
import { isDeeplyFrozen } from "../../src/base/deeply-frozen.ts";
import { drain } from "../../src/base/sliced-work.ts";
import { IssueList } from "../../src/load/issue-list.ts";
import { readInSlices } from "../../src/load/read-document.ts";

const rule = fc.oneof(
  fc.constantFrom<unknown>(
    { rule: "rate", limit: 1 },
    { limit: 1, rule: "rate" },
    { rule: "rate", limit: 10, deep: { b: [1, "ä\n"], a: null } },
    7,
  ),
  fc.jsonValue(),
);
const policy = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      { id: fc.string(), blocking: fc.array(rule), nonBlocking: fc.array(rule), selector: fc.jsonValue() },
      { requiredKeys: [] },
    ),
  },
  fc.jsonValue(),
);

const isForbidden = (value: unknown): boolean =>
  /__proto__|constructor|prototype/.test(JSON.stringify(value));

test("what is owned is frozen itself, anything else is copied, and both say the same", () => {
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 6 }).filter((policies) => !isForbidden(policies)),
      (policies) => {
        for (const isOwned of [false, true]) {
          const document: unknown = isOwned ? structuredClone({ policies }) : { policies };
          const read = drain(readInSlices(document, new IssueList(), { isOwned }));
          expect(isDeeplyFrozen(read.copy)).toBe(true);
          expect(canonicalJson(read.copy)).toBe(canonicalJson({ policies }));
          expect(read.policies.map(({ copy }) => canonicalJson(copy))).toEqual(policies.map(canonicalJson));
        }
      },
    ),
  );
});

test("the copy is the document, and policies that repeat a rule share it", () => {
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 6 }).filter((policies) => !isForbidden(policies)),
      (policies) => {
        const document = { apiVersion: "agentplane/v1", policies, tools: {} };
        const read = drain(readInSlices(document, new IssueList()));
        expect(canonicalJson(read.copy)).toBe(canonicalJson(document));
        const members = (value: unknown): number =>
          typeof value !== "object" || value === null
            ? 0
            : Object.values(value).reduce<number>(
                (sum, member) => sum + members(member),
                Array.isArray(value) ? 0 : Object.keys(value).length,
              );
        expect(read.memberCount).toBe(members(document));
      },
    ),
  );
  const [first, second] = drain(
    readInSlices(
      {
        policies: [{ blocking: [{ rule: "a", x: 1 }] }, { blocking: [{ rule: "b" }, { rule: "a", x: 1 }] }],
      },
      new IssueList(),
    ),
  ).policies;
  expect(first?.blocking[0]).toBe(second?.blocking[1]);
});

test("a list of policies behind a getter is read once, and as policies", () => {
  let reads = 0;
  const document = {
    get policies() {
      reads++;
      return [{ id: "p" }];
    },
  };
  const { policies } = drain(readInSlices(document, new IssueList()));
  expect(policies).toHaveLength(1);
  expect(reads).toBe(1);
});
