import { rule, type Policy } from "@agentplane/core";

/** What this agent may do. */
export const policies: readonly Policy[] = [
  {
    id: "privacy",
    blocking: [rule.redact({ detect: ["email"], from: ["prompt", "response", "result", "audit"] })],
  },
  {
    id: "refunds",
    selector: { tools: ["refund"] },
    blocking: [
      rule.condition({ id: "large", where: { input: { amount: { gt: 500 } } } }),
      rule.condition({ id: "any", where: { tool: "refund" }, then: "escalate" }),
    ],
    escalation: [{ trigger: "any", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
  },
  { id: "spend", blocking: [rule.tokenBudget({ maxTokens: 50_000, window: "1h", per: "tenant" })] },
];
