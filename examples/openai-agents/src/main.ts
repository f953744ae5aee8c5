import { createAgentPlane, PolicyError, rule } from "@agentplane/core";
import { approvalIdOf, govern, GovernedRunner } from "@agentplane/openai/agents";
import { Agent, RunState, setTracingDisabled, tool } from "@openai/agents";
import { z } from "zod";

import { ScriptedModel } from "./script.ts";

setTracingDisabled(true);

// Triage may hand over to billing but not to legal; a refund needs a human, whichever agent makes it.
const plane = createAgentPlane({
  policies: [
    {
      id: "handoffs",
      selector: { agents: ["triage"], hookpoints: ["before_handoff"] },
      blocking: [rule.condition({ where: { target: "legal" } })],
    },
    {
      id: "refunds",
      selector: { tools: ["refund"] },
      blocking: [rule.condition({ where: { tool: "refund" }, then: "escalate" })],
      escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
    },
  ],
  approvals: { resolver: "external" },
});

const model = new ScriptedModel();
const refund = tool({
  name: "refund",
  description: "Pays an order back.",
  parameters: z.object({ order: z.string(), amount: z.number() }),
  execute({ amount }) {
    console.log(`refunded ${amount}`);
    return "done";
  },
});
const billing = new Agent({ name: "billing", model, tools: [refund] });
const legal = new Agent({ name: "legal", model });
const triage = new Agent({ name: "triage", model, handoffs: [billing, legal] });

const identity = { tenant: "acme", session: "ticket-4711" };
const runner = new GovernedRunner();
const agent = govern(plane, identity, triage);
const paused = await runner.run(agent, "Please refund order A-17.");

const [item] = paused.interruptions;
if (item === undefined) throw new Error("the refund did not wait for a human");
const approval = await plane.approvals.get(approvalIdOf(item) ?? "");
console.log(`${item.agent.name} wants ${item.name} ${JSON.stringify(approval?.view["input"])}`);

// The answer comes hours later: the state is text, to be kept wherever you like.
const saved = paused.state.toString();
console.log("saved; going on in a process that knows nothing but the file");
const anew = govern(plane, identity, triage);
const state = await RunState.fromString(anew, saved);
for (const waiting of state.getInterruptions()) state.approve(waiting);
const result = await runner.run(anew, state);
console.log(`answer of ${result.lastAgent?.name}: ${result.finalOutput}`);

await plane.controls.unplug({ kind: "agent", id: "triage" }, { by: "olga", reason: "end of the example" });
try {
  await runner.run(anew, "One more, please.");
} catch (error) {
  if (!(error instanceof PolicyError)) throw error;
  console.log(`blocked: ${error.message}`);
}
await plane.close();
