import { describe, expect, test } from "vitest";

import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { lint } from "../../src/load/lint.ts";
import type { RuleSpec } from "../../src/policy/policy.ts";
import type { SelectorSpec } from "../../src/policy/selector.ts";
import { createRegistry } from "../../src/rules/registry.ts";

const options = { registry: createRegistry(), tools: {}, hookpoints: HOOKPOINTS, hasResolver: true };

function found(blocking: RuleSpec, selector?: SelectorSpec): readonly string[] {
  const policy = { id: "p", ...(selector && { selector }), blocking: [blocking] };
  return lint([policy], options).map(({ code, path, message }) => `${code} ${path}: ${message}`);
}

const n = (condition: unknown): object => ({ input: { n: condition } });
const where = (condition: object): RuleSpec => ({ rule: "condition", where: condition });

describe("a condition that can never hold", () => {
  test.each<[string, object, string?]>([
    ["bounds that leave nothing", n({ gt: 5, lt: 3 })],
    ["bounds that meet and exclude each other", n({ gte: 5, lt: 5 })],
    ["bounds of texts", n({ gt: "b", lt: "a" })],
    ["bounds of two types", n({ gt: 5, lt: "a" })],
    ["a value outside of its bounds", n({ eq: 5, gt: 7 })],
    ["values of which none is inside", n({ in: [1, 2, "x"], gte: 3 })],
    ["a value that it must not be", n({ eq: "a", ne: "a" })],
    ["two values at once", n({ eq: 1, in: [2, 3] })],
    ["a value of something absent", n({ exists: false, lt: 3 })],
    ["what is there and is not", n({ exists: false, all: [{ exists: true }] })],
    ["parts of one list", n({ all: [{ gt: 5 }, { lt: 3 }] })],
    ["parts of the whole", { ...n({ gt: 5 }), all: [{ tool: "x" }, n({ lt: 3 })] }],
    ["each of its alternatives", { any: [n({ gt: 5, lt: 3 }), n({ eq: 1, ne: 1 })] }, "input.n"],
    ["a name that must be two", { agent: { in: ["a", "b"] }, all: [{ agent: { eq: "c" } }] }, "agent"],
    ["a name twice", { all: [{ tags: { env: "prod" } }, { tags: { env: "dev" } }] }, "tags.env"],
  ])("is reported: %s", (_name, condition, subject = "input.n") => {
    expect(found(where(condition))).toEqual([
      `rule_never_runs blocking[0].where: what it says of "${subject}" contradicts itself: the rule never answers`,
    ]);
  });

  test.each<[string, object]>([
    ["bounds leave something", n({ gt: 5, lt: 6 })],
    ["bounds leave one value", n({ gte: 5, lte: 5 })],
    ["a value is inside", n({ in: [1, 9], gt: 5, ne: 1 })],
    ["two subjects are compared", { input: { a: { gt: 5 }, b: { lt: 3 } } }],
    ["one alternative may hold", { any: [n({ gt: 5, lt: 3 }), n(1)] }],
    ["it is denied", { not: n({ gt: 5, lt: 3 }) }],
    ["it is denied of a value", n({ not: { gt: 5, lt: 3 } })],
    ["one of a list is enough", n({ any: [{ gt: 5 }, { lt: 3 }] })],
    ["the elements of a list differ", { input: { n: { any: { eq: 1 }, all: { lte: 3 } } } }],
    ["names are patterns", { all: [{ tags: { env: "prod*" } }, { tags: { env: "prod-eu" } }] }],
    ["it must be absent", n({ exists: false })],
    ["a tool has several names", { all: [{ tool: "search" }, { tool: "files/search" }] }],
    ["a tool is named after its own name", { all: [{ tool: "mcp__files__search" }, { tool: "search" }] }],
    ["one text is spelled in two ways", n({ eq: "e\u0301", gte: "\u00e9" })],
    ["a spelling is denied that another stands for", n({ in: ["e\u0301"], gt: "\u00df" })],
    ["lists are equal whatever their spelling", n({ eq: { a: 1, b: [2] }, in: [{ b: [2], a: 1 }] })],
  ])("is not, where %s", (_name, condition) => {
    expect(found(where(condition))).toEqual([]);
  });
});

test("a tool is not excluded by a selector that lets its other name through", () => {
  expect(found({ rule: "denylist", tools: ["delete_draft"] }, { tools: ["!delete_*"] })).toEqual([]);
  expect(found({ rule: "denylist", tools: ["refund"] }, { tools: ["search"] })).toHaveLength(1);
});

describe("a rule that blocks all that its policy concerns", () => {
  test("is a duty that nothing can meet", () => {
    expect(found({ rule: "condition", where: { tool: "pay" }, require: n({ gt: 5, lt: 3 }) })).toEqual([
      'rule_always_blocks blocking[0].require: what it says of "input.n" contradicts itself: nothing can meet it',
    ]);
  });

  test("is a required tenant that the selector lets none of through", () => {
    const globex = { rule: "requireTenant", tenants: ["globex", "hooli-*"] };
    expect(found(globex, { tenants: ["acme", "acme-*"] })).toEqual([
      "rule_always_blocks blocking[0].tenants: it names none of the tenants that its selector lets through: every call is blocked",
    ]);
    expect(found({ rule: "requireTenant", tenants: ["acme", "!acme"] })).toEqual([
      "rule_always_blocks blocking[0].tenants: its exclusions leave no tenant: every call is blocked",
    ]);
  });

  test.each<[string[], string[]]>([
    [["acme"], ["!acme"]],
    [["!acme"], ["acme"]],
    [["acme-*", "!acme-eu"], ["acme-eu"]],
    [["acme-eu"], ["acme-*", "!*-eu"]],
  ])("is a required tenant %j that an exclusion takes out of %j", (required, tenants) => {
    expect(found({ rule: "requireTenant", tenants: required }, { tenants })).toEqual([
      "rule_always_blocks blocking[0].tenants: it names none of the tenants that its selector lets through: every call is blocked",
    ]);
  });

  test.each<[string[], string[]]>([
    [["acme-*"], ["*-eu"]],
    [["acme-*", "!acme-eu"], ["acme-*"]],
    [["!acme"], ["!globex"]],
    [["acme", "globex"], ["!acme"]],
  ])("is not a required tenant %j that a selector of %j may let through", (required, tenants) => {
    expect(found({ rule: "requireTenant", tenants: required }, { tenants })).toEqual([]);
  });

  test("is not one that some tenant passes", () => {
    expect(found({ rule: "requireTenant", tenants: ["globex"] })).toEqual([]);
    expect(found({ rule: "requireTenant" }, { tenants: ["acme"] })).toEqual([]);
    expect(found({ rule: "requireTenant", tenants: ["acme-eu"] }, { tenants: ["acme-*"] })).toEqual([]);
  });
});
