// What `govern` adds to a tool call and to a model call under a plane that allows everything, in µs: the two
// interceptions around a handler that answers at once, beside that handler alone, in one process.
// Usage: node --conditions=agentplane-source bench/overhead.bench.ts
import { createAgentPlane } from "@agentplane/core";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { tool, type AgentMiddleware, type ModelRequest, type ToolCallRequest } from "langchain";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { addedUs, report, type Call } from "./added.ts";

const plane = createAgentPlane({
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
});
const read = tool(() => "ok", { name: "read", description: "Reads.", schema: z.looseObject({}) });
const model = new FakeListChatModel({ responses: ["done"] });
const { middleware } = govern(plane, { agent: "bench", tenant: "acme" }, { model });
const [outer, inner]: readonly AgentMiddleware[] = middleware;
const runtime = { context: {}, configurable: { thread_id: "t" } };
let count = 0;

/** Both interceptions around a tool call, as createAgent composes them, within a run that has begun. */
function callTool(isGoverned: boolean): Call {
  const answer = new ToolMessage({ content: "ok", tool_call_id: "c", name: "read", status: "success" });
  const handler = async (): Promise<ToolMessage> => answer;
  const state = { messages: [new HumanMessage("Where is my order?")] };
  return async () => {
    const toolCall = {
      type: "tool_call",
      id: `c${count++}`,
      name: "read",
      args: { id: "o1", note: "please hurry" },
    };
    // What the interceptions look at of createAgent's request.
    const request = { toolCall, tool: read, state, runtime } as unknown as ToolCallRequest;
    if (!isGoverned) return handler();
    return outer?.wrapToolCall?.(
      request as never,
      ((given: ToolCallRequest) => inner?.wrapToolCall?.(given as never, handler as never)) as never,
    );
  };
}

/** The same around a model call that goes on with a tool; the run begins with the first and does not end. */
function callModel(isGoverned: boolean): Call {
  // Set afterwards: LangChain's type of the field takes no value.
  const answer = Object.assign(
    new AIMessage({ content: "", tool_calls: [{ id: "c", name: "read", args: {} }] }),
    {
      usage_metadata: { input_tokens: 30, output_tokens: 12, total_tokens: 42 },
    },
  );
  const handler = async (): Promise<AIMessage> => answer;
  const messages = [new HumanMessage("Where is my order?")];
  const systemMessage = new SystemMessage("You help customers.");
  return async () => {
    const request = {
      model,
      messages,
      systemMessage,
      tools: [read],
      state: { messages },
      runtime: { ...runtime },
    };
    if (!isGoverned) return handler();
    return outer?.wrapModelCall?.(
      // As above.
      request as unknown as ModelRequest as never,
      (async (given: ModelRequest) => inner?.wrapModelCall?.(given as never, handler as never)) as never,
    );
  };
}

report([
  { what: "tool call", added: await addedUs(callTool(false), callTool(true)), goal: 20, unit: "µs" },
  { what: "model call", added: await addedUs(callModel(false), callModel(true)), goal: 50, unit: "µs" },
]);
