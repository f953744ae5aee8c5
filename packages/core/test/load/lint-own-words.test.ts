import { describe, expect, test } from "vitest";

import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { lint } from "../../src/load/lint.ts";
import type { RuleSpec } from "../../src/policy/policy.ts";
import type { SelectorSpec } from "../../src/policy/selector.ts";
import { createRegistry } from "../../src/rules/registry.ts";

/** What lint says of one rule under a selector, as `code path`. */
function codes(blocking: RuleSpec, selector?: SelectorSpec): readonly string[] {
  const options = {
    registry: createRegistry(),
    tools: {},
    hookpoints: [...HOOKPOINTS, ...(selector?.hookpoints?.includes("checkout") === true ? ["checkout"] : [])],
    hasResolver: true,
  };
  const policy = { id: "p", ...(selector && { selector }), blocking: [blocking] };
  return lint([policy], options).map(({ code, path }) => `${code} ${path}`);
}

const where = (condition: object): RuleSpec => ({ rule: "condition", where: condition });
const NEVER = ["rule_never_runs blocking[0]"];

describe("a rule whose own words leave nothing of what its selector lets through", () => {
  test.each<[string, RuleSpec, SelectorSpec | undefined]>([
    ["a hookpoint", where({ hookpoint: "before_tool_call" }), { hookpoints: ["before_model_call"] }],
    ["an agent", where({ agent: "support" }), { agents: ["billing", "pay-*"] }],
    ["a tenant", where({ tenant: "globex" }), { tenants: ["acme"] }],
    ["a user", where({ user: ["ann", "bob"] }), { users: ["olga"] }],
    [
      "an agent in a part",
      where({ all: [{ input: { a: 1 } }, { agent: "support" }] }),
      { agents: ["billing"] },
    ],
    ["a list that excludes itself", { rule: "denylist", tools: ["x", "!x"] }, undefined],
    ["two tools at once", where({ all: [{ tool: "a" }, { tool: "b" }] }), undefined],
    ["a tool and one that does not fit it", where({ tool: "pay_*", all: [{ tool: "refund" }] }), undefined],
  ])("is reported: %s", (_name, rule, selector) => {
    expect(codes(rule, selector)).toEqual(NEVER);
  });

  test.each<[string, RuleSpec, SelectorSpec | undefined]>([
    ["one of several fits", where({ agent: ["support", "billing"] }), { agents: ["billing"] }],
    ["globs may meet", where({ tenant: "*-eu" }), { tenants: ["acme-*"] }],
    ["hookpoints meet", where({ hookpoint: "before_tool_call" }), { hookpoints: ["*_tool_call"] }],
    ["one part narrows another", where({ all: [{ tool: "pay_*" }, { tool: "pay_now" }] }), undefined],
    ["any of them is enough", where({ any: [{ tool: "a" }, { tool: "b" }] }), { tools: ["a"] }],
    ["it is denied", where({ not: { agent: "support" } }), { agents: ["billing"] }],
    ["it must hold only then", { rule: "condition", require: { agent: "support" } }, { agents: ["billing"] }],
    ["an exclusion leaves others", { rule: "denylist", tools: ["*", "!x"] }, undefined],
  ])("is not, where %s", (_name, rule, selector) => {
    expect(codes(rule, selector)).toEqual([]);
  });
});

describe("redaction of what none of its hookpoints carries", () => {
  const redact = (...from: readonly string[]): RuleSpec => ({ rule: "redact", fields: ["ssn"], from });

  test.each<[string, RuleSpec, SelectorSpec]>([
    ["a response at tool calls", redact("response"), { tools: ["*"] }],
    ["an input after the action", redact("input"), { hookpoints: ["after_tool_call"] }],
    ["a prompt after the action", redact("prompt"), { hookpoints: ["after_model_call"] }],
    ["results and inputs at model calls", redact("result", "input"), { hookpoints: ["*_model_call"] }],
  ])("is reported: %s", (_name, rule, selector) => {
    expect(codes(rule, selector)).toEqual(["rule_never_runs blocking[0].from"]);
  });

  test.each<[string, RuleSpec, SelectorSpec | undefined]>([
    ["one of them is there", redact("response", "result"), { tools: ["*"] }],
    ["the trail has all of them", redact("audit"), { hookpoints: ["after_tool_call"] }],
    ["nothing is said of it", { rule: "redact", fields: ["ssn"] }, { hookpoints: ["before_tool_call"] }],
    ["what is imposed before holds for the result", redact("result"), { hookpoints: ["before_tool_call"] }],
    ["a hookpoint is the user's own", redact("prompt"), { hookpoints: ["checkout"] }],
    ["there is no selector", redact("response"), undefined],
  ])("is not, where %s", (_name, rule, selector) => {
    expect(codes(rule, selector)).toEqual([]);
  });
});
