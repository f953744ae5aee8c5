import { createAgentPlane, rule, type AgentPlane, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";

const POLICIES: readonly Policy[] = [
  {
    id: "big-refunds",
    selector: { tools: ["refund"] },
    blocking: [
      rule.condition({
        where: { tool: "refund", input: { amount: { gt: 50 } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
        then: "escalate",
        reason: "refunds above 50 need a person",
      }),
    ],
  },
  {
    id: "no-contacts",
    blocking: [rule.redact({ detect: ["email", "phone"], from: ["result", "response"] })],
  },
];

/** The policies of the shop; in an application they come from a file or the control plane, and change while it runs. */
export function createShopPlane(): AgentPlane {
  return createAgentPlane({
    scanner: createScanner(),
    approvals: { resolver: "external" },
    tools: { refund: { access: "write", external: false } },
    policies: POLICIES,
  });
}
