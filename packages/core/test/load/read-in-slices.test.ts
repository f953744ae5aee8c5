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

function textsOf(document: unknown): readonly string[] {
  const texts = [false, true].map((isOwned) => {
    const value: unknown = isOwned ? structuredClone(document) : document;
    const read = drain(readInSlices(value, new IssueList(), { contentHashOf: (text) => text, isOwned }));
    expect(isDeeplyFrozen(read.copy)).toBe(true);
    expect(canonicalJson(read.copy)).toBe(canonicalJson(document));
    return read.policies.map(({ contentHash }) => contentHash);
  });
  expect(texts[1]).toEqual(texts[0]);
  return texts[0] ?? [];
}

test("the text by which a policy is addressed is its canonical JSON, whatever stood before it", () => {
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 6 }).filter((policies) => !isForbidden(policies)),
      (policies) => {
        expect(textsOf({ policies })).toEqual(policies.map((one) => canonicalJson(one)));
      },
    ),
    { numRuns: 2_000 },
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
        policies: [{ blocking: [{ rule: "a", x: 1 }] }, { blocking: [{ rule: "b" }, { x: 1, rule: "a" }] }],
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
