/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

/** Creates a plane from what a caller without types may write. */
function issuesOf(options: object): readonly { readonly path: string; readonly suggestion?: string }[] {
  try {
    createAgentPlane(options);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  return [];
}

describe("options that would do nothing are refused", () => {
  it.each<[string, object, string, string | undefined]>([
    ["an unknown name", { polices: [] }, "polices", "policies"],
    ["an unknown choice", { defaultEffect: "deny" }, "defaultEffect", undefined],
    ["an unknown way to combine", { combine: "mostRestrictiv" }, "combine", "mostRestrictive"],
    ["an unknown fail mode", { onStateError: "alow" }, "onStateError", "allow"],
    ["an impossible hookpoint", { hookpoints: ["Before Publish"] }, "hookpoints[0]", undefined],
    ["a built-in hookpoint", { hookpoints: ["before_tool_call"] }, "hookpoints[0]", undefined],
    [
      "an unknown member of approvals",
      { approvals: { reslover: "external" } },
      "approvals.reslover",
      "resolver",
    ],
    ["approvals without a resolver", { approvals: {} }, "approvals.resolver", undefined],
    ["a resolver that is none", { approvals: { resolver: "slack" } }, "approvals.resolver", undefined],
    [
      "an empty key of approvals",
      { approvals: { resolver: "external", key: "" } },
      "approvals.key",
      "secret",
    ],
    ["a key that is no text", { approvals: { resolver: "external", key: 7 } }, "approvals.key", "secret"],
    ["policies that were not read", { policies: null }, "policies", undefined],
    ["an unknown member of identity", { identity: { optonal: ["tenant"] } }, "identity.optonal", "optional"],
    ["an unknown port", { ports: { loger: console } }, "ports.loger", "logger"],
    ["an unknown member of stream", { stream: { onwhole: "buffer" } }, "stream.onwhole", "onWhole"],
    [
      "an unknown treatment of streams",
      { stream: { onWhole: "exposeprefix" } },
      "stream.onWhole",
      "exposePrefix",
    ],
    ["a duration that is none", { holdTtl: "soon" }, "holdTtl", "30m"],
    ["an unknown source to trust", { identity: { trust: ["asnyc"] } }, "identity.trust[0]", "async"],
    [
      "an identity that is no function",
      { identity: { current: { tenant: "acme" } } },
      "identity.current",
      "function",
    ],
    [
      "an unknown optional identity",
      { identity: { optional: ["tennant"] } },
      "identity.optional[0]",
      "tenant",
    ],
  ])("%s", (_name, options, path, suggestion) => {
    const issue = issuesOf(options).find((one) => one.path === path);
    expect(issue).toBeDefined();
    expect(issue?.suggestion ?? "").toContain(suggestion ?? "");
  });

  it("all at once, each with its path", () => {
    expect(issuesOf({ polices: [], combine: "x", hookpoints: ["?"] }).map(({ path }) => path)).toStrictEqual([
      "polices",
      "combine",
      "hookpoints[0]",
    ]);
  });

  it("while options left undefined are left out", () => {
    // What spreading an optional setting gives.
    expect(issuesOf({ defaultEffect: undefined, approvals: undefined, holdTtl: undefined })).toStrictEqual(
      [],
    );
  });
});

it("a broken policy stops the plane from being created, with every issue", () => {
  const broken = {
    policies: [
      {
        id: "p",
        blocking: [
          { rule: "rat", limit: 1 },
          { rule: "rate", limit: -1, window: "1h" },
        ],
      },
    ],
  };
  const paths = issuesOf(broken).map(({ path }) => path);
  expect(paths).toHaveLength(2);
  expect(paths[0]).toContain("blocking[0]");
  expect(paths[1]).toContain("blocking[1]");
});

it.each<[string, object, string]>([
  ["a sink", { audit: {} }, "audit"],
  ["a sink that cannot be closed", { audit: { append() {}, flush() {} } }, "audit"],
  ["a store", { state: { ledger: {} } }, "state"],
  ["a store in a text", { state: "redis://localhost" }, "state"],
  ["a scanner", { scanner: { scan() {} } }, "scanner"],
  ["CEL", { cel: true }, "cel"],
  ["prices", { prices: { gpt: 5 } }, "prices"],
  ["a tokenizer", { tokenizer: () => 5 }, "tokenizer"],
  ["metrics", { metrics: null }, "metrics"],
  ["a list of hookpoints", { hookpoints: "before_publish" }, "hookpoints"],
  ["a list of rules", { rules: {} }, "rules"],
  ["a kind of rule", { rules: [{ kind: "mine" }] }, "rules[0]"],
  ["a list of optional identity", { identity: { optional: "tenant" } }, "identity.optional"],
])("says at once what is not %s", (_what, options, path) => {
  expect(issuesOf(options)).toMatchObject([{ path }]);
});

it("a declared hookpoint works before and after, another one is refused", async () => {
  const { plane } = createBench({
    hookpoints: ["before_publish"],
    policies: [blocking("p", [rule.condition({ where: { target: "front-page" } })])],
  });
  const at = (hookpoint: string): unknown =>
    plane.engine.decide({ hookpoint, agent: "bot", target: { name: "front-page" } });
  expect(await at("before_publish")).toMatchObject({ effect: "block", policyId: "p" });
  expect(await at("after_publish")).toMatchObject({ effect: "allow" });
  expect(await at("before_pubish")).toMatchObject({ effect: "block", cause: "hookpoint_unknown" });
});

it("close leaves no timer behind, and running calls do not keep it open", async () => {
  const { plane, ports } = createBench();
  await plane.guard.admit(plane.guard.context(toolCall("search")));
  expect(ports.clock.pending).toBe(1);
  await plane.close();
  expect(ports.clock.pending).toBe(0);
});

it("without any option a plane allows and records", async () => {
  const plane = createAgentPlane({ ports: createTestPorts() });
  expect(await plane.engine.decide(toolCall("anything"))).toMatchObject({
    effect: "allow",
    cause: "no_policy",
  });
});

describe("a custom hookpoint without a before_ in its name", () => {
  const publish = { hookpoint: "publish" };

  it("has its result judged after the action: redacted, and asked about no second time", async () => {
    const { plane } = createBench({
      hookpoints: ["publish"],
      approvals: { resolver: "external" },
      policies: [blocking("private", [rule.redact({ fields: ["ssn"] })])],
    });
    const call = {
      context: toolCall("update", { ssn: "1" }, { ...publish, callId: "c1" }),
      run: () => ({ ssn: "2" }),
    };
    await plane.controls.degrade({ kind: "global" }, "HUMAN_LOOP", { by: "olga" });
    const asked = await plane.guard.toolCall(call);
    if (asked.status !== "pending") throw new Error(asked.status);
    await plane.approvals.approve(asked.approvalId, { by: "olga", role: "operator" });
    expect(await plane.guard.toolCall(call)).toMatchObject({ status: "ran", result: { ssn: "[REDACTED]" } });
  });

  it("has a hookpoint after it, for selectors and hooks", async () => {
    const { plane } = createBench({
      hookpoints: ["publish"],
      policies: [
        blocking("late", [rule.condition({ where: { result: { ok: false } } })], {
          selector: { hookpoints: ["after_publish"] },
        }),
      ],
    });
    const seen: unknown[] = [];
    plane.hooks.on("after_publish", ({ result }) => void seen.push(result));
    const outcome = await plane.guard.toolCall({
      context: toolCall("update", {}, publish),
      run: () => ({ ok: false }),
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { policyId: "late" } });
    expect(seen).toEqual([{ ok: false }]);
  });
});
