import { INTERRUPT, isInterrupted } from "@langchain/langgraph";
import type { ApprovalRequest } from "@agentplane/langchain";

import { openSupport } from "./support-agent.ts";

// The first process: the agent comes to a call that needs a person, and the process ends.
const { agent, plane, thread } = openSupport(process.argv[2] ?? "");
const state: unknown = await agent.invoke(
  { messages: [{ role: "user", content: "Please refund order A-17." }] },
  thread,
);
if (!isInterrupted<ApprovalRequest>(state)) throw new Error("the refund did not wait for a person");
for (const { value } of state[INTERRUPT]) {
  console.log(`waiting: ${value?.reason}, ${JSON.stringify(value?.view)}`);
}
await plane.close();
