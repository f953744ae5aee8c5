import path from "node:path";

import { createAgentPlane, rule } from "@agentplane/core";
import { sqliteState } from "@agentplane/core/node";
import { govern } from "@agentplane/langchain";
import { createAgent, tool } from "langchain";
import { z } from "zod";

import { nodeSqliteSaver } from "./node-sqlite-saver.ts";
import { RefundModel } from "./refund-model.ts";

/**
 * The same agent in every process: its conversation and the plane's memory are two files.
 * @param folder Where the files are.
 */
export function openSupport(folder: string) {
  const plane = createAgentPlane({
    policies: [
      {
        id: "refunds",
        selector: { tools: ["refund"] },
        blocking: [
          rule.condition({
            where: { tool: "refund" },
            // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language
            then: "escalate",
            reason: "a refund needs a person",
          }),
        ],
        escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "1h" } } }],
      },
    ],
    // Both processes must recognise what was approved: a secret of your own, the same in all of them.
    approvals: { resolver: "external", key: process.env["APPROVAL_KEY"] ?? "a key for this example" },
    state: sqliteState({ path: path.join(folder, "agentplane.db") }),
  });
  const refund = tool(
    ({ order, amount }: { readonly order: string; readonly amount: number }) => {
      console.log(`refunded ${amount} for ${order}`);
      return `${amount} for ${order}`;
    },
    {
      name: "refund",
      description: "Pays an order back.",
      schema: z.object({ order: z.string(), amount: z.number() }),
    },
  );
  const agent = createAgent(
    govern(
      plane,
      { agent: "support", tenant: "acme", user: "customer-7" },
      {
        model: new RefundModel(),
        tools: [refund],
        checkpointer: nodeSqliteSaver(path.join(folder, "checkpoints.db")),
      },
    ),
  );
  return { agent, plane, thread: { configurable: { thread_id: "ticket-4711" } } };
}
