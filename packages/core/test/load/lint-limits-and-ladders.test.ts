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

describe("limits", () => {
  test("of 0 are reported at the field", () => {
    expect(codes({ id: "p", blocking: [{ ...rate, limit: 0 }] })).toEqual(["limit_zero blocking[0].limit"]);
    expect(codes({ id: "p", blocking: [{ rule: "condition", maxUsd: 0, window: "1h" }] })).toEqual([
      "limit_zero blocking[0].maxUsd",
    ]);
  });

  test("per session alone are reported, beside another subject they are not", () => {
    expect(codes({ id: "p", blocking: [{ ...rate, per: ["session"] }] })).toEqual([
      "session_limit_alone blocking[0].per",
    ]);
    expect(codes({ id: "p", blocking: [{ ...rate, per: ["session", "tenant"] }] })).toEqual([]);
    const beside = [
      { ...rate, id: "s", per: "session" },
      { ...rate, id: "t", per: "tenant", limit: 50 },
    ];
    expect(codes({ id: "p", blocking: beside })).toEqual([]);
  });

  test("that are soft, start with an alert and have no hard one beside them are reported", () => {
    const soft = { ...rate, onBreach: "escalate" };
    const policy: Policy = {
      id: "p",
      blocking: [soft],
      escalation: [{ ...step, after: 2, action: { hitl: {} } }, step].toReversed(),
    };
    expect(codes(policy)).toEqual(["soft_limit_alone blocking[0]"]);
    const hard = { ...rate, id: "hard", limit: 50 };
    expect(codes({ ...policy, blocking: [{ ...soft, id: "soft" }, hard] })).toEqual([]);
    expect(codes({ ...policy, escalation: [{ ...step, action: { hitl: {} } }] })).toEqual([]);
  });
});

describe("a ladder", () => {
  test("with a trigger that no rule emits", () => {
    const policy: Policy = {
      id: "p",
      blocking: [rate, { rule: "redact" }],
      nonBlocking: [{ rule: "audit" }],
      escalation: [
        { ...step, trigger: "rat" },
        { ...step, trigger: "audit" },
        { ...step, trigger: "redact" },
        step,
      ],
    };
    expect(codes(policy)).toEqual([0, 1, 2].map((n) => `trigger_unknown escalation[${n}].trigger`));
  });

  test("may be triggered by an id or by a kind", () => {
    const policy: Policy = {
      id: "p",
      blocking: [{ ...rate, id: "calls" }],
      escalation: [step, { ...step, trigger: "calls" }],
    };
    expect(codes(policy)).toEqual([]);
  });

  test("with a level that a later one always overtakes", () => {
    const levels = [
      { ...step, after: 3 },
      { ...step, after: 2, within: "1h" },
      { ...step, after: 5, within: "5m" },
    ];
    expect(codes({ id: "p", blocking: [rate], escalation: levels })).toEqual([
      "level_unreachable escalation[0]",
    ]);
    const shorter = [
      { ...step, after: 3 },
      { ...step, after: 2, within: "1m" },
    ];
    expect(codes({ id: "p", blocking: [rate], escalation: shorter })).toEqual([]);
  });
});

describe("an approval with no resolver", () => {
  const policies: readonly [string, Policy, string][] = [
    [
      "a level that asks",
      { id: "p", blocking: [rate], escalation: [{ ...step, action: { hitl: {} } }] },
      "escalation[0].action.hitl",
    ],
    [
      "a mode that asks",
      { id: "p", blocking: [rate], escalation: [{ ...step, action: { degrade: { mode: "HUMAN_LOOP" } } }] },
      "escalation[0].action.degrade",
    ],
    [
      "a limit that sets a mode that asks",
      { id: "p", blocking: [{ ...rate, onBreach: "degrade", degrade: { mode: "HUMAN_LOOP" } }] },
      "blocking[0].degrade",
    ],
    [
      "an escalation without a ladder",
      { id: "p", blocking: [{ ...rate, onBreach: "escalate" }] },
      "blocking[0]",
    ],
    [
      "a condition that escalates",
      // oxlint-disable-next-line unicorn/no-thenable -- the parameter's name in policies
      { id: "p", blocking: [{ rule: "condition", then: "escalate" }] },
      "blocking[0]",
    ],
    [
      "a scanner that escalates",
      { id: "p", blocking: [{ rule: "condition", onFinding: "escalate" }] },
      "blocking[0]",
    ],
  ];

  test.each(policies)("%s", (_name, policy, path) => {
    expect(codes(policy, { hasResolver: false })).toEqual([`approval_unresolvable ${path}`]);
    expect(codes(policy, { hasResolver: true })).toEqual([]);
  });
});

test("every finding says what to do", () => {
  const finding = found({ id: "p", blocking: [{ ...rate, limit: 0 }] })[0];
  expect(finding).toEqual({
    code: "limit_zero",
    severity: "warning",
    policyId: "p",
    path: "blocking[0].limit",
    message: "a limit of 0 admits no call at all",
    suggestion: "use denylist to forbid, or raise the limit",
  });
});
