import { createAgentPlane, createRegistry, rule, type AgentPlane, type RuleKind } from "@agentplane/core";

import type { BenchPolicy, BenchRequest } from "../workload.ts";

const rate = createRegistry().get("rate")!;

/**
 * A budget of tool calls in micro-dollars: an estimate is held before the call, what it really cost is settled after it.
 * The built-in budgets concern model calls; this is the same kind of limit at the hookpoint that is measured here, with
 * the window and subjects of a rate.
 */
const spendBudget: RuleKind = {
  ...rate,
  kind: "spendBudget",
  compile: (params, tools) => ({
    limits: (rate.compile(params, tools).limits ?? []).map((limit) => ({
      ...limit,
      measure: "microUsd",
      estimate: () => ESTIMATE,
      actual: (usage) => usage?.costMicroUsd,
    })),
  }),
};

const ESTIMATE = Object.freeze({ amount: 1_000 });
const USAGE = Object.freeze({ costMicroUsd: 700 });
const RESULT = Object.freeze({ rows: [{ id: 1, ssn: "123-45-6789" }] });

/** A plane that governs whole tool calls, and one such call. */
export interface Governed {
  readonly plane: AgentPlane;
  /** Admits, runs and completes one call; throws unless it was allowed, redacted and stayed synchronous. */
  call(request: BenchRequest): void;
}

/**
 * agentplane in full: per (tenant, tool) an allowlist, a redaction, a rate and a budget; every call reserves, runs, is
 * redacted, settles, and leaves a decision and an outcome record in the in-memory trail.
 */
export function createGoverned(policies: readonly BenchPolicy[]): Governed {
  const plane = createAgentPlane({
    rules: [spendBudget],
    policies: policies.map(({ id, tenant, tool }) => ({
      id,
      selector: { tenants: [tenant], tools: [tool] },
      blocking: [
        rule.allowlist({ tools: [tool] }),
        rule.redact({ fields: ["ssn"] }),
        rule.rate({ limit: 1_000_000_000, window: "1h", per: "tenant" }),
        { rule: "spendBudget", limit: 1_000_000_000_000, window: "24h", per: "tenant" },
      ],
    })),
    tools: Object.fromEntries(
      [...new Set(policies.map(({ tool }) => tool))].map((tool) => [
        tool,
        { access: "read", external: false },
      ]),
    ),
  });
  const { guard } = plane;
  return {
    plane,
    call({ agent, tenant, tool, amount }) {
      const outcome = guard.toolCall({
        context: guard.context({
          hookpoint: "before_tool_call",
          agent,
          tenant,
          session: "s",
          tool: { name: tool, input: { amount } },
        }),
        run: () => RESULT,
        usage: () => USAGE,
      });
      if ("then" in outcome) throw new Error("an in-memory call must be synchronous");
      if (outcome.status !== "ran" || outcome.result.rows[0]?.ssn !== "[REDACTED]")
        throw new Error("not governed");
    },
  };
}
