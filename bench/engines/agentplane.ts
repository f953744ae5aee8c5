/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { createAgentPlane, createContext, rule, type PolicyContext } from "@agentplane/core";

import type { BenchEngine, BenchPolicy, BenchRequest } from "../workload.ts";

/** agentplane: one policy per (tenant, tool) whose condition grants within the amount; the default is block. */
export function createEngine(policies: readonly BenchPolicy[]): BenchEngine<PolicyContext> {
  const { engine } = createAgentPlane({
    defaultEffect: "block",
    policies: policies.map(({ id, tenant, tool, agents, maxAmount }) => ({
      id,
      selector: { tenants: [tenant], tools: [tool], agents: [...agents] },
      blocking: [rule.condition({ where: { input: { amount: { lte: maxAmount } } }, then: "allow" })],
    })),
  });
  return {
    name: "agentplane",
    prepare: ({ tenant, tool, agent, amount }: BenchRequest) =>
      createContext(
        { hookpoint: "before_tool_call", agent, tenant, tool: { name: tool, input: { amount } } },
        0,
      ),
    ask(context) {
      const ruled = engine.rule(context, { intent: "peek" });
      if ("then" in ruled) throw new Error("an in-memory decision must be synchronous");
      return { isAllowed: ruled.decision.effect === "allow" };
    },
  };
}
