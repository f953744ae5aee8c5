import { describe, expect, test } from "vitest";

import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { lint, type LintFinding, type LintOptions } from "../../src/load/lint.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { RuleKind } from "../../src/rules/rule.ts";
import { FAKE_KINDS, registryOf } from "./fake-kinds.ts";

/** A kind by its name and hookpoints alone: lint looks at nothing else of it. */
function kindOf(kind: string, hookpoints: readonly string[]): RuleKind {
  return { ...FAKE_KINDS[0]!, kind, hookpoints };
}

const registry = registryOf([
  ...FAKE_KINDS,
  kindOf("allowlist", ["before_tool_call"]),
  kindOf("apiAllowlist", ["before_tool_call"]),
  kindOf("argSchema", ["before_tool_call"]),
  kindOf("condition", ["*"]),
  kindOf("redact", ["*"]),
  kindOf("modelOnly", ["before_model_call"]),
]);
const options: LintOptions = {
  registry,
  tools: {},
  hookpoints: [...HOOKPOINTS, "checkout"],
  hasResolver: true,
};

function found(
  policies: Policy | readonly Policy[],
  more: Partial<LintOptions> = {},
): readonly LintFinding[] {
  return lint("id" in policies ? [policies] : policies, { ...options, ...more });
}

/** Findings as `code path`, prefixed with the policy's id when there are several. */
function codes(policies: Policy | readonly Policy[], more: Partial<LintOptions> = {}): readonly string[] {
  const isSingle = "id" in policies;
  return found(policies, more).map(
    ({ code, path, policyId }) => `${isSingle ? "" : `${policyId} `}${code} ${path}`,
  );
}

const rate = { rule: "rate", limit: 5, window: "1m" };
const step = { trigger: "rate", after: 1, within: "10m", action: { alert: { channel: "log" } } } as const;

describe("lint says nothing of a policy that does what it says", () => {
  test("with every kind of part", () => {
    const policy: Policy = {
      id: "good",
      selector: { agents: ["a*", "!a1"], tags: { env: ["*", "!dev"] } },
      blocking: [
        { rule: "allowlist", tools: ["x"] },
        rate,
        { rule: "condition", where: { tool: "refund" }, id: "c" },
      ],
      nonBlocking: [{ rule: "audit" }],
      escalation: [step, { ...step, after: 3, action: { hitl: {} } }],
    };
    expect(codes(policy)).toEqual([]);
  });
});

describe("a selector that can match nothing", () => {
  test.each<[string, Policy["selector"], string]>([
    ["a literal that is excluded", { agents: ["a", "!a"] }, "selector.agents"],
    ["a glob that a wider glob excludes", { tools: ["crm_*", "!c*"] }, "selector.tools"],
    ["only an exclusion of everything", { tenants: ["!*"] }, "selector.tenants"],
    ["a tag without a value left", { tags: { env: ["prod", "!p*"] } }, "selector.tags.env"],
    ["hookpoints that are all excluded", { hookpoints: ["before_*", "!*_*"] }, "selector.hookpoints"],
    [
      "tools at hookpoints without a tool",
      { tools: ["x"], hookpoints: ["before_model_call"] },
      "selector.hookpoints",
    ],
  ])("%s", (_name, selector, path) => {
    const policy: Policy = { id: "p", ...(selector && { selector }), blocking: [rate] };
    expect(found(policy)).toMatchObject([{ code: "selector_matches_nothing", severity: "error", path }]);
  });

  test("is not reported where something is left", () => {
    expect(codes({ id: "p", selector: { agents: ["a*", "!ab*"], tools: ["x"] }, blocking: [rate] })).toEqual(
      [],
    );
    expect(codes({ id: "p", selector: { agents: ["a??", "!a?"] }, blocking: [rate] })).toEqual([]);
    expect(
      codes({
        id: "p",
        selector: { tools: ["x"], hookpoints: ["checkout"] },
        blocking: [{ ...rate, rule: "condition" }],
      }),
    ).toEqual([]);
  });
});

describe("a rule shadowed by a higher one", () => {
  test("when an equal rule stands in a policy that covers its calls", () => {
    const high: Policy = {
      id: "high",
      priority: 10,
      selector: { agents: ["a*"] },
      blocking: [{ ...rate, id: "x" }],
    };
    const low: Policy = { id: "low", selector: { agents: ["ab*"], tenants: ["t"] }, blocking: [rate] };
    expect(codes([low, high])).toEqual(["low rule_shadowed blocking[0]"]);
  });

  test("when a denylist already blocks all its tools", () => {
    const high: Policy = { id: "a", blocking: [{ rule: "denylist", tools: ["delete_*", "!delete_draft"] }] };
    const covered: Policy = {
      id: "b",
      blocking: [{ rule: "denylist", tools: ["delete_user", "delete_all"] }],
    };
    const exempt: Policy = { id: "c", blocking: [{ rule: "denylist", tools: ["delete_draft"] }] };
    expect(codes([high, covered, exempt])).toEqual(["b rule_shadowed blocking[0]"]);
  });

  test("when it is repeated in its own policy", () => {
    expect(
      codes({
        id: "p",
        blocking: [
          { ...rate, id: "x" },
          { ...rate, id: "y" },
        ],
      }),
    ).toEqual(["rule_shadowed blocking[1]"]);
  });

  test("but not when the other is narrower, different, a shadow policy, or when it drives a ladder", () => {
    const narrow: Policy = { id: "a", selector: { tags: { env: "prod" } }, blocking: [rate] };
    const excluding: Policy = { id: "b", selector: { agents: ["!x"] }, blocking: [rate] };
    const shadow: Policy = { id: "c", mode: "shadow", blocking: [rate] };
    const other: Policy = { id: "d", blocking: [{ ...rate, limit: 6 }] };
    const plain: Policy = { id: "e", blocking: [rate] };
    expect(codes([narrow, excluding, shadow, other, plain])).toEqual([]);
    const ladder: Policy = { id: "f", blocking: [rate], escalation: [step] };
    expect(codes([plain, ladder])).toEqual([]);
  });
});

describe("a rule whose hookpoint never carries what it reads", () => {
  test("because the selector admits none of its kind's hookpoints", () => {
    const policy: Policy = {
      id: "p",
      selector: { hookpoints: ["after_*"] },
      blocking: [{ rule: "modelOnly" }],
    };
    expect(found(policy)).toMatchObject([
      { code: "rule_never_runs", severity: "error", path: "blocking[0]" },
    ]);
    expect(codes({ id: "p", selector: { tools: ["x"] }, blocking: [{ rule: "modelOnly" }] })).toEqual([
      "rule_never_runs blocking[0]",
    ]);
  });

  test.each([
    ["a result before the action", "before_tool_call", { result: { ok: true } }, "result"],
    ["a tool at a model call", "before_model_call", { tool: "x" }, "tool"],
    ["a model at a tool call", "after_tool_call", { model: "m" }, "model"],
    ["a target at a tool call", "before_tool_call", { target: "x" }, "target"],
  ])("because a condition asks for %s", (_name, hookpoint, where, member) => {
    const policy: Policy = {
      id: "p",
      selector: { hookpoints: [hookpoint] },
      blocking: [{ rule: "condition", where }],
    };
    expect(codes(policy)).toEqual([`rule_never_runs blocking[0].where.${member}`]);
    expect(codes({ ...policy, selector: { hookpoints: [hookpoint, "checkout"] } })).toEqual([]);
  });
});

describe("a condition that does not look where it is selected", () => {
  const at = (spec: object, hookpoints = ["after_tool_call"]): Policy => ({
    id: "p",
    selector: { hookpoints },
    blocking: [{ rule: "condition", ...spec }],
  });

  test.each<[string, object]>([
    ["about the input alone", { where: { input: { amount: { gt: 5 } } } }],
    ["about the input in parts", { where: { all: [{ tool: "x" }, { not: { agent: "a" } }] } }],
    ["that requires something of the input", { where: { tool: "x" }, require: { input: { ok: true } } }],
  ])("%s, after the action", (_name, spec) => {
    expect(codes(at(spec))).toEqual(["rule_never_runs blocking[0]"]);
    expect(codes(at(spec, ["*_tool_call"]))).toEqual([]);
  });

  test.each<[string, object]>([
    ["about the result", { where: { result: { ok: false } } }],
    ["that names the hookpoint", { where: { hookpoint: "after_tool_call", input: { a: 1 } } }],
    [
      "that asks for the result somewhere inside",
      { where: { any: [{ tool: "x" }, { not: { isError: true } }] } },
    ],
    ["that requires a result", { require: { result: { ok: true } } }],
    ["in CEL", { when: "result.ok" }],
  ])("is not said of one %s", (_name, spec) => {
    expect(codes(at(spec))).toEqual([]);
  });

  test("because a part that must hold asks for what is not there", () => {
    const where = { all: [{ tool: "x" }, { result: { ok: true } }], any: [{ usage: { inputTokens: 1 } }] };
    expect(codes(at({ where }, ["before_tool_call"]))).toEqual([
      "rule_never_runs blocking[0].where.all[1].result",
    ]);
  });
});

describe("a rule about tools that its selector lets none of through", () => {
  const own = (spec: object, tools?: readonly string[]): Policy => ({
    id: "p",
    ...(tools && { selector: { tools } }),
    blocking: [{ rule: "denylist", ...spec }],
  });

  test.each<[string, object, string[]]>([
    ["another name", { tools: ["delete_user"] }, ["sql_run"]],
    ["a name that its glob does not fit", { tools: ["delete_user"] }, ["sql_*", "crm_*"]],
    ["another beginning", { tools: ["delete_*"] }, ["sql_*"]],
    ["of a schema", { rule: "argSchema", tool: "refund" }, ["search"]],
    ["of a condition", { rule: "condition", where: { tool: "refund", input: { a: 1 } } }, ["search"]],
  ])("is reported: %s", (_name, spec, tools) => {
    expect(codes(own(spec, tools))).toEqual(["rule_never_runs blocking[0]"]);
  });

  test.each<[string, object, string[] | undefined]>([
    ["one of several fits", { tools: ["delete_user", "sql_run"] }, ["sql_*"]],
    ["globs may meet", { tools: ["*_user"] }, ["delete_*"]],
    ["there is no selector", { tools: ["delete_user"] }, undefined],
    ["the selector only excludes", { tools: ["delete_user"] }, ["!sql_run"]],
    ["a tool has another name at its server", { tools: ["read_file"] }, ["files/read_file"]],
    ["the condition names its tools otherwise", { rule: "condition", where: { not: { tool: "a" } } }, ["a"]],
  ])("is not, where %s", (_name, spec, tools) => {
    expect(codes(own(spec, tools))).toEqual([]);
  });
});

test("a kind that the registry does not have is refused: nothing could be said of it", () => {
  const policy: Policy = { id: "p", blocking: [{ rule: "alowlist" }] };
  expect(() => lint([policy], options)).toThrow(/no kind "alowlist".*did you mean "allowlist"/);
  expect(() => Reflect.apply(lint, undefined, [policy, options])).toThrow(/policies must be a list/);
  expect(() => Reflect.apply(lint, undefined, [[policy]])).toThrow(/options must be an object/);
});

test("an allowlist inside a selector that already limits tools", () => {
  const policy: Policy = {
    id: "p",
    selector: { tools: ["crm_*"] },
    blocking: [{ rule: "allowlist", tools: ["crm_read"] }],
  };
  expect(codes(policy)).toEqual(["allowlist_in_tool_selector blocking[0]"]);
});

test("an API rule that no mapped tool can reach", () => {
  const policy: Policy = { id: "p", selector: { tools: ["web_*"] }, blocking: [{ rule: "apiAllowlist" }] };
  const api = { method: "GET", url: "$.url" };
  expect(codes(policy, { tools: { web_get: {}, crm_get: { api } } })).toEqual([
    "api_rule_unreachable blocking[0]",
  ]);
  expect(codes(policy, { tools: { web_get: { api } } })).toEqual([]);
});
