import { readdir, readFile } from "node:fs/promises";

import { expect, it } from "vitest";

/** Defects of other products that can occur in this package: each has a test of exactly this name in this folder. */
const APPLICABLE = [
  "alert_on_breach_fires_on_breach_only",
  "all_six_modes_enforced",
  "api_rules_normalise_paths",
  "attached_engine_blocks",
  "audit_is_redacted_by_default",
  "bad_degrade_and_window_are_config_errors",
  "blocked_call_consumes_nothing",
  "budgets_are_fed_by_every_adapter",
  "cancelled_wait_is_not_approval",
  "default_deny_available",
  "diff_sees_parameter_changes",
  "documented_globs_match",
  "error_in_block_rule_blocks",
  "escalate_without_chain_blocks",
  "escalation_degrade_sets_mode_and_recovers",
  "escalation_is_per_agent_and_tenant",
  "every_decision_audited_once",
  "failed_check_is_not_a_pass",
  "guard_inspects_kwargs",
  "hitl_can_be_approved",
  "hook_context_keeps_identity",
  "kill_stops_decisions",
  "negative_literals_and_not_work_in_block_rules",
  "one_counter_per_metric",
  "over_budget_usage_is_recorded",
  "post_check_outage_fails_closed",
  "priority_mode_sees_all_results",
  "promote_saves",
  "rate_is_per_agent_and_per_policy",
  "redact_redacts",
  "rollback_resets_counters",
  "rule_exception_blocks_and_is_audited",
  "rule_order_matches_policy_order",
  "sqlite_store_works_with_engine",
  "star_import_works",
  "store_round_trip_is_lossless",
  "stronger_mode_wins",
  "tenant_kill_hits_unregistered_agents",
  "tool_results_and_nested_values_scanned",
  "tool_selector_needs_a_tool",
  "typo_and_garbage_conditions_fail_to_load",
  "warn_and_log_do_not_block",
  "yaml_action_allow_allows",
] as const;

/** Those of the service, which is another package. */
const OF_THE_SERVICE = ["post_carries_rules", "service_requires_auth", "service_starts_with_engine"] as const;

it("every defect that applies has a test of its name here, and no test stands outside the list", async () => {
  const folder = new URL(".", import.meta.url);
  const files = (await readdir(folder)).filter(
    (name) => name.endsWith(".test.ts") && name !== "applicable.test.ts",
  );
  const sources = await Promise.all(files.map((name) => readFile(new URL(name, folder), "utf8")));
  const names = sources.flatMap((source) =>
    [...source.matchAll(/^it\("(\w+)", /gm)].map(([, name]) => name ?? ""),
  );
  expect(names.toSorted((a, b) => (a < b ? -1 : 1))).toStrictEqual([...APPLICABLE]);
  expect(APPLICABLE.length + OF_THE_SERVICE.length).toBe(46);
});
