import { Command } from "@langchain/langgraph";

import { openSupport } from "./support-agent.ts";

// Another process, which knows nothing but the files: someone answers, and the agent goes on.
const { agent, plane, thread } = openSupport(process.argv[2] ?? "");
const [waiting] = await plane.approvals.list({ status: "pending" });
if (waiting === undefined) throw new Error("nothing waits");
console.log(`olga approves ${JSON.stringify(waiting.view["input"])}`);
const answer = { approvalId: waiting.id, decision: "approve", by: "olga" };
const { messages } = await agent.invoke(new Command({ resume: answer }), thread);
console.log(`answer: ${messages.at(-1)?.text}`);
const again = await agent.invoke(new Command({ resume: answer }), thread);
console.log(`the same answer once more changes nothing: ${again.messages.length === messages.length}`);
await plane.close();
