// What `govern` adds to a tool call and to a model call under a plane that allows everything, in µs: the two
// interceptions around a real tool and a real model that answer at once, called as createAgent calls them within a node of a
// graph, beside the same calls alone, in one process.
// Usage: node --conditions=agentplane-source bench/overhead.bench.ts
import { printMachine, report } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";
import { createAgentPlane } from "@agentplane/core";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, HumanMessage, SystemMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import type { RunnableConfig } from "@langchain/core/runnables";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { tool, type AgentMiddleware, type ModelRequest, type ToolCallRequest } from "langchain";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { addedTo, type Call } from "./added.ts";

const plane = createAgentPlane({
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
});
const read = tool(() => "ok", { name: "read", description: "Reads.", schema: z.looseObject({}) });

/** Calls a tool, at once, so that the run goes on. */
class ReadyModel extends BaseChatModel {
  constructor() {
    super({});
  }

  override _llmType(): string {
    return "ready";
  }

  override async _generate(): Promise<ChatResult> {
    const usage_metadata = { input_tokens: 30, output_tokens: 12, total_tokens: 42 };
    const tool_calls = [{ id: "c", name: "read", args: {} }];
    const message = Object.assign(new AIMessage({ content: "", tool_calls }), { usage_metadata });
    return { generations: [{ text: "", message }] };
  }
}

const model = new ReadyModel();
const { middleware } = govern(plane, { agent: "bench", tenant: "acme" }, { model });
const [outer, inner]: readonly AgentMiddleware[] = middleware;
const runtime = { context: {}, configurable: { thread_id: "t" } };
let count = 0;

/** The configuration of the running node. */
function config(): RunnableConfig {
  return AsyncLocalStorageProviderSingleton.getRunnableConfig() ?? {};
}

/** The same call within a node of its own, as every turn of an agent is. */
function inNode(call: Call): Call {
  return () => AsyncLocalStorageProviderSingleton.runWithConfig({ configurable: runtime.configurable }, call);
}

/** As createAgent's node calls a tool: with its configuration, which it also hands on. */
async function runTool({ tool: called, toolCall }: ToolCallRequest): Promise<unknown> {
  // The tool of the bench, which takes a call in place of its input.
  return (called as typeof read).invoke(toolCall as never, { ...config(), config: config() } as never);
}

async function askModel({ messages }: ModelRequest): Promise<AIMessage> {
  return model.invoke([...messages], config());
}

/** Both interceptions around a tool call, as createAgent composes them, within a run that has begun. */
function callTool(isGoverned: boolean): Call {
  const state = { messages: [new HumanMessage("Where is my order?")] };
  return async () => {
    const toolCall = {
      type: "tool_call",
      id: `c${count++}`,
      name: "read",
      args: { id: "o1", note: "please hurry" },
    };
    // What the interceptions look at of createAgent's request, and of what LangGraph makes for the task of each call.
    const task = {
      __pregel_task_id: toolCall.id,
      __pregel_scratchpad: { currentTaskInput: { ...state, lg_tool_call: toolCall } },
      checkpoint_ns: `tools:${toolCall.id}`,
    };
    const own = { ...runtime, configurable: { ...runtime.configurable, ...task } };
    const request = { toolCall, tool: read, state, runtime: own } as unknown as ToolCallRequest;
    if (!isGoverned) return runTool(request);
    return outer?.wrapToolCall?.(
      request as never,
      ((given: ToolCallRequest) => inner?.wrapToolCall?.(given as never, runTool as never)) as never,
    );
  };
}

/** The same around a model call that goes on with a tool; the run begins with the first and does not end. */
function callModel(isGoverned: boolean): Call {
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
    // As above.
    if (!isGoverned) return askModel(request as unknown as ModelRequest);
    return outer?.wrapModelCall?.(
      request as unknown as ModelRequest as never,
      (async (given: ModelRequest) => inner?.wrapModelCall?.(given as never, askModel as never)) as never,
    );
  };
}

printMachine();
report(
  [
    await addedTo("tool call", 20, [inNode(callTool(false)), inNode(callTool(true))]),
    await addedTo("model call", 50, [inNode(callModel(false)), inNode(callModel(true))]),
  ],
  await slowness(),
);
