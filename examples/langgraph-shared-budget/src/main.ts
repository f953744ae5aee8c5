import { createAgentPlane, rule } from "@agentplane/core";
import { guardModel, GuardedToolNode, guardTool } from "@agentplane/langchain/langgraph";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { toolsCondition } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

import { ScriptedModel } from "./scripted-model.ts";

// Two agents of one customer share a budget: what the researcher uses is gone for the writer, too. Only the writer may
// publish.
const plane = createAgentPlane({
  policies: [
    {
      id: "budget",
      selector: { tenants: ["acme"] },
      blocking: [rule.tokenBudget({ limit: 1_000, window: "1h", per: "tenant", maxOutput: 100 })],
    },
    {
      id: "publishing",
      selector: { agents: ["!writer"] },
      blocking: [rule.denylist({ tools: ["publish"] })],
    },
  ],
});
plane.on("outcome", ({ identity, usage }) => {
  if (usage?.outputTokens === undefined) return;
  console.log(`${identity.agent} used ${(usage.inputTokens ?? 0) + usage.outputTokens} tokens`);
});

const acme = { tenant: "acme" };
const researcher = guardModel(plane, { agent: "researcher", ...acme }, new ScriptedModel(() => "a fact"));
const writer = guardModel(plane, { agent: "writer", ...acme }, new ScriptedModel(() => "a text"));
const publish = tool(({ text }: { readonly text: string }) => `published ${text}`, {
  name: "publish",
  description: "Publishes a text.",
  schema: z.object({ text: z.string() }),
});

const graph = new StateGraph(MessagesAnnotation)
  .addNode("research", async ({ messages }) => ({ messages: [await researcher.invoke(messages)] }))
  .addNode("write", async ({ messages }) => {
    const answer = await writer.invoke(messages);
    const isRefused = "agentplane" in answer.response_metadata;
    const call = { type: "tool_call", id: "call_1", name: "publish", args: { text: answer.text } } as const;
    // The script's model calls no tools itself.
    return { messages: [isRefused ? answer : new AIMessage({ content: answer.text, tool_calls: [call] })] };
  })
  .addNode("tools", new GuardedToolNode(plane, { agent: "writer", ...acme }, [publish]))
  .addEdge("__start__", "research")
  .addEdge("research", "write")
  .addConditionalEdges("write", toolsCondition, ["tools", "__end__"])
  .addEdge("tools", "__end__")
  .compile();

for (const round of [1, 2, 3]) {
  console.log(`--- round ${round}`);
  // oxlint-disable-next-line no-await-in-loop -- one round after the other uses up the budget
  const { messages } = await graph.invoke({ messages: [new HumanMessage("Write about ships.")] });
  console.log(`end: ${messages.at(-1)?.text}`);
}

const sneaky = guardTool(plane, { agent: "researcher", ...acme }, publish);
await sneaky.invoke({ text: "a fact" }).then(console.log, (error: unknown) => {
  console.log(`the researcher may not publish: ${error instanceof Error ? error.name : "?"}`);
});
await plane.close();
