import { describe, expect, it } from "vitest";

import type { HookFilter } from "../../src/hooks/hook.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench } from "../plane/bench.ts";

const DENY = [rule.denylist({ tools: ["x"] })];
const CALLER = { hookpoint: "before_tool_call", agent: "bot", tenant: "acme" } as const;

function couldConcern(selector: object, policies: Policy[] = [blocking("a", DENY, { selector })]): boolean {
  const { plane } = createBench({ policies });
  return plane.engine.couldConcern(CALLER, "shop");
}

describe("a policy could concern some tool of a server whose tools nobody knows", () => {
  it.each<[string, object]>([
    ["it selects no tools", {}],
    ["it selects a tool of the server", { tools: ["desk/find", "shop/wipe"] }],
    ["it selects some tools of the server", { tools: ["shop/w*"] }],
    ["it selects a tool of any server", { tools: ["wipe"] }],
    ["it selects tools of some servers", { tools: ["*/wipe"] }],
    ["it excludes a tool", { tools: ["!shop/find"] }],
    ["it selects a user, who is not compared", { users: ["ann"] }],
  ])("when %s", (_name, selector) => {
    expect(couldConcern(selector)).toBe(true);
  });

  it.each<[string, object]>([
    ["of another server", { tools: ["desk/*", "shopping/wipe"] }],
    ["of another agent", { agents: ["other"] }],
    ["of another tenant", { tenants: ["umbrella"] }],
    ["of model calls", { hookpoints: ["before_model_call"] }],
  ])("but not one %s", (_name, selector) => {
    expect(couldConcern(selector)).toBe(false);
  });

  it("a policy for any server's tools could, where not even the server is known", () => {
    const { plane } = createBench({ policies: [blocking("a", DENY, { selector: { tools: ["desk/*"] } })] });
    expect(plane.engine.couldConcern(CALLER, undefined)).toBe(true);
    expect(createBench().plane.engine.couldConcern(CALLER, undefined)).toBe(false);
  });

  it("but not one that only looks on, nor none at all", () => {
    expect(couldConcern({}, [{ ...blocking("a", DENY), mode: "shadow" }])).toBe(false);
    expect(couldConcern({}, [])).toBe(false);
  });
});

describe("a policy of rules that stop no tool call", () => {
  const only = (rules: Omit<Policy, "id">, concern?: "any" | "deciding"): boolean => {
    const { plane } = createBench({ policies: [{ id: "a", ...rules }] });
    return plane.engine.couldConcern(CALLER, "shop", concern);
  };

  it("is no concern where they look at model calls alone", () => {
    expect(only({ blocking: [rule.tokenBudget({ limit: 1, window: "1m" })] })).toBe(false);
  });

  it("is one, but none of those that decide, where they redact or record", () => {
    const looking = { blocking: [rule.redact({ fields: ["ssn"] })], nonBlocking: [rule.audit({})] };
    expect(only(looking)).toBe(true);
    expect(only(looking, "deciding")).toBe(false);
    expect(only({ blocking: DENY }, "deciding")).toBe(true);
  });
});

describe("a plug could concern some tool of a server", () => {
  it.each<[string, { readonly id: string; readonly tenant?: string }, boolean]>([
    ["one of a tool of it", { id: "shop/wipe" }, true],
    ["one of a tool of any server", { id: "wipe", tenant: "acme" }, true],
    ["but not one of a tool of another", { id: "desk/wipe" }, false],
    ["but not one of another tenant", { id: "wipe", tenant: "umbrella" }, false],
  ])("%s", async (_name, subject, expected) => {
    const { plane } = createBench({ policies: [] });
    await plane.controls.unplug({ kind: "tool", ...subject }, { reason: "stop", by: "olga" });
    expect(plane.engine.couldConcern(CALLER, "shop")).toBe(expected);
  });
});

describe("a hook could concern some tool of a server", () => {
  it.each<[string, HookFilter | undefined, boolean]>([
    ["one without a filter", undefined, true],
    ["one of a tool of it", { tools: ["desk/find", "shop/w*"] }, true],
    ["one of a tool of any server", { tools: ["wipe"], agents: ["bot"], tenants: ["acme"] }, true],
    ["but not one of a tool of another", { tools: ["desk/*"] }, false],
    ["but not one of another agent", { agents: ["other"] }, false],
    ["but not one of another tenant", { tenants: ["umbrella"] }, false],
  ])("%s", (_name, filter, expected) => {
    const { plane } = createBench({ policies: [] });
    plane.hooks.on("before_model_call", () => undefined);
    plane.hooks.on("after_tool_call", () => undefined);
    expect(plane.engine.couldConcern(CALLER, "shop", "deciding")).toBe(false);
    plane.hooks.on("before_tool_call", () => undefined, { ...(filter && { filter }) });
    expect(plane.engine.couldConcern(CALLER, "shop", "deciding")).toBe(expected);
  });
});
