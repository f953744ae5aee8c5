import path from "node:path";

import { expect, it } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";
import type { Policy, PolicyDocument } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

/** Whether a policy comes into force; what is refused is refused as a configuration error. */
function isLoaded(policy: unknown): boolean {
  try {
    // The point of these tests is what the type forbids.
    createBench().plane.engine.addPolicy(policy as Policy);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

it("documented_globs_match", async () => {
  const { plane } = createBench({
    policies: [
      blocking("rule", [rule.denylist({ tools: ["delete_*"] })]),
      blocking("selector", [rule.condition({ where: { agent: "*" } })], {
        selector: { tools: ["drop_*", "!drop_draft"] },
      }),
    ],
  });
  const decide = (tool: string): unknown => plane.engine.decide(toolCall(tool));
  expect(await decide("delete_user")).toMatchObject({ effect: "block", policyId: "rule" });
  expect(await decide("drop_table")).toMatchObject({ effect: "block", policyId: "selector" });
  expect(await decide("drop_draft")).toMatchObject({ effect: "allow" });
});

it("tool_selector_needs_a_tool", async () => {
  const { plane } = createBench({
    policies: [blocking("p", [rule.condition({ where: { agent: "*" } })], { selector: { tools: ["*"] } })],
  });
  expect(await plane.engine.decide({ hookpoint: "before_agent", agent: "bot" })).toMatchObject({
    effect: "allow",
  });
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block" });
});

it("typo_and_garbage_conditions_fail_to_load", () => {
  const conditions: readonly unknown[] = [
    { tol: "rm" },
    { tool: "rm", input: { amount: { greater: 5 } } },
    { input: { amount: { gt: "x", lt: {} } } },
    "tool == 'rm'",
    { not: "tool == 'rm'" },
    {},
    { hookpoint: "before_tool_cal" },
  ];
  const loads = conditions.filter((where) => isLoaded({ id: "p", blocking: [{ rule: "condition", where }] }));
  expect(loads).toStrictEqual([]);
});

it("negative_literals_and_not_work_in_block_rules", async () => {
  const { plane } = createBench({
    policies: [
      blocking("negative", [rule.condition({ where: { input: { delta: { lt: -5 } } } })], {
        onError: "allow",
      }),
      blocking("not", [rule.condition({ where: { not: { input: { env: { eq: "dev" } } } } })], {
        onError: "allow",
      }),
    ],
  });
  const effect = async (input: unknown): Promise<string | undefined> =>
    (await plane.engine.decide(toolCall("update", input))).policyId;
  expect(await effect({ delta: -6, env: "dev" })).toBe("negative");
  expect(await effect({ delta: -5, env: "dev" })).toBeUndefined();
  expect(await effect({ delta: 0, env: "prod" })).toBe("not");
});

it("bad_degrade_and_window_are_config_errors", async () => {
  const degrading = {
    id: "p",
    blocking: [rule.rate({ limit: 1, window: "1h" })],
    escalation: [{ trigger: "rate", after: 1, within: "10m", action: { degrade: { mode: "bad" } } }],
  };
  expect(isLoaded(degrading)).toBe(false);
  const windows = ["500ms!", "1 fortnight", "", "-1h", 5];
  expect(
    windows.filter((window) => isLoaded({ id: "p", blocking: [{ rule: "rate", limit: 1, window }] })),
  ).toStrictEqual([]);
  const { plane } = createBench();
  const act = { by: "olga" };
  // What an operator without types may write.
  expect(() => plane.controls.degrade({ kind: "global" }, "bad" as never, act)).toThrow(ConfigError);
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow", modes: [] });
});

it("api_rules_normalise_paths", async () => {
  const { plane } = createBench({
    tools: { http: { access: "read", external: false, api: { method: "GET", url: "$.url" } } },
    policies: [blocking("p", [rule.apiDenylist({ rules: [{ paths: ["/admin/*"] }] })])],
  });
  const effect = async (target: string): Promise<string> =>
    (await plane.engine.decide(toolCall("http", { url: `https://api.example${target}` }))).effect;
  const hidden = [
    "/admin/x",
    "//admin/x",
    "/api/../admin/x",
    "/%61dmin/x",
    "/admin/./x",
    "/x/%2e%2e/admin/x",
  ];
  expect(await Promise.all(hidden.map(effect))).toStrictEqual(hidden.map(() => "block"));
  expect(await effect("/public/x")).toBe("allow");
  expect(await plane.engine.decide(toolCall("http", {}))).toMatchObject({ effect: "block" });
});

/** Publishes policies on one plane, and loads them on another one that opens the same file. */
async function throughFile(file: string, policies: readonly Policy[]): Promise<readonly string[]> {
  const writing = sqliteState({ path: file });
  const { plane } = createBench({ state: writing });
  for (const policy of policies) {
    // oxlint-disable-next-line no-await-in-loop -- one version after the other
    await plane.versions.publish(policy, { author: "olga", changelog: "why" });
  }
  await plane.close();
  writing.close();
  const state = sqliteState({ path: file });
  const second = createBench({ state });
  for (const { id } of policies) {
    // oxlint-disable-next-line no-await-in-loop -- loaded in the order of the first plane
    const version = await second.plane.versions.get(id, 1);
    if (version !== undefined) second.plane.engine.addPolicy(version.policy);
  }
  expect(second.plane.engine.policies().map(({ policy }) => policy)).toEqual(policies);
  const hashes = second.plane.engine.policies().map(({ contentHash }) => contentHash);
  await second.plane.close();
  state.close();
  return hashes;
}

it("store_round_trip_is_lossless", async () => {
  const policies: readonly Policy[] = [
    blocking("p", [rule.denylist({ tools: ["update"] }), rule.redact({ fields: ["ssn"] })], {
      description: "all of it",
      selector: { agents: ["bot"], tenants: ["acme"], tags: { env: "prod" } },
      priority: 7,
      onError: "allow",
      nonBlocking: [rule.audit({ includeInput: true })],
      escalation: [{ trigger: "denylist", after: 2, within: "1h", action: { block: { for: "1h" } } }],
    }),
    blocking("s", [rule.denylist({ tools: ["search"] })], { mode: "shadow" }),
  ];
  const first = createBench({ policies });
  const stored = JSON.stringify(first.plane.engine.policies().map(({ policy }) => policy));
  const second = createBench();
  second.plane.engine.replaceAll("server", {
    apiVersion: "agentplane/v1",
    policies: JSON.parse(stored) as Policy[],
  } satisfies PolicyDocument);
  expect(second.plane.engine.policies().map(({ contentHash }) => contentHash)).toStrictEqual(
    first.plane.engine.policies().map(({ contentHash }) => contentHash),
  );
  expect(JSON.parse(stored)).toEqual(policies);
  const file = path.join(temporaryDirectory(), "state.db");
  expect(await throughFile(file, policies)).toStrictEqual(
    first.plane.engine.policies().map(({ contentHash }) => contentHash),
  );
  const call = toolCall("update", {}, { tags: { env: "prod" } });
  expect(await second.plane.engine.decide(call)).toMatchObject({ effect: "block", policyId: "p" });
  // What one source brings neither overwrites nor outlives what another one holds.
  second.plane.engine.addPolicy(blocking("mine", [rule.denylist({ tools: ["run_code"] })]));
  second.plane.engine.replaceAll("server", { apiVersion: "agentplane/v1", policies: [] });
  expect(second.plane.engine.policies().map(({ policy }) => policy.id)).toStrictEqual(["mine"]);
});

it("star_import_works", async () => {
  const everything = await import("../../src/index.ts");
  expect(everything.createAgentPlane).toBeTypeOf("function");
  expect(Object.values(everything)).not.toContain(undefined);
});
