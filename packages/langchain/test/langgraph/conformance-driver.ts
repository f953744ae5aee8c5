import type {
  AdapterDriver,
  AgentRun,
  PendingCall,
  RunRequest,
  ScriptAgent,
  ScriptTool,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { RunnableConfig } from "@langchain/core/runnables";
import { tool, type StructuredToolInterface } from "@langchain/core/tools";
import {
  Command,
  INTERRUPT,
  isGraphBubbleUp,
  isInterrupted,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
  type StreamMode,
} from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import * as z from "zod";

import { GuardedToolNode, guardModel, type ApprovalRequests } from "../../src/langgraph.ts";
import { ConformanceModel } from "../conformance-model.ts";
import { resumeOf } from "./resume-of.ts";

type Graph = ReturnType<Conversation["create"]>;

/** Plays conformance scripts with a graph of two nodes, a model and its tools. */
export function createLangGraphDriver(): AdapterDriver {
  const started = new WeakMap<AgentRun, Conversation>();
  let count = 0;
  const go = async (conversation: Conversation, input: unknown): Promise<AgentRun> => {
    const run = await conversation.play(input);
    started.set(run, conversation);
    return run;
  };
  return {
    capabilities: ["model", "stream", "parallel", "retry", "resume", "nested", "hiding", "abort"],
    run(request) {
      const conversation = new Conversation(request, `thread-${count++}`);
      return go(conversation, { messages: [{ role: "user", content: "go" }] });
    },
    async resume(run, answers) {
      const conversation = started.get(run);
      if (conversation === undefined || run.status !== "pending") return run;
      return go(conversation, new Command({ resume: resumeOf(run, answers) }));
    },
  };
}

/** A thread of one graph, and everything that was seen in it. */
class Conversation {
  readonly #request: RunRequest;
  readonly #config: RunnableConfig;
  readonly #graph: Graph;
  /** Graphs inside tools: a paused one must go on as the same. */
  readonly #nested = new Map<ScriptAgent, Graph>();
  readonly #modelCalls: SeenModelCall[] = [];
  readonly #results = new Map<string, SeenResult>();
  readonly #pieces: string[] = [];
  readonly #observed: string[] = [];

  constructor(request: RunRequest, threadId: string) {
    this.#request = request;
    this.#config = {
      configurable: { thread_id: threadId },
      ...(request.signal !== undefined && { signal: request.signal }),
      callbacks: [
        {
          handleToolEnd: (output: unknown) => void this.#observed.push(JSON.stringify(output)),
          handleLLMEnd: (output: unknown) => void this.#observed.push(JSON.stringify(output)),
        },
      ],
    };
    this.#graph = this.create(request.script, true);
  }

  async play(input: unknown): Promise<AgentRun> {
    try {
      const state =
        this.#request.isStreaming === true
          ? await this.#stream(input)
          : await this.#graph.invoke(asInput(input), this.#config);
      return this.#seen(state);
    } catch (error) {
      return { ...this.#everything(), status: "failed", text: "", pending: [], error };
    }
  }

  async #stream(input: unknown): Promise<unknown> {
    const state: Record<string, unknown> = {};
    const streamMode: StreamMode[] = ["messages", "values", "updates"];
    for await (const event of await this.#graph.stream(asInput(input), { ...this.#config, streamMode })) {
      const [mode, data]: readonly unknown[] = Array.isArray(event) ? event : [];
      if (mode === "values" && typeof data === "object") Object.assign(state, data);
      if (mode === "updates" && isInterrupted(data)) state[INTERRUPT] = data[INTERRUPT];
      const chunk: unknown = mode === "messages" && Array.isArray(data) ? data[0] : undefined;
      if (AIMessageChunk.isInstance(chunk) && chunk.text !== "") this.#pieces.push(chunk.text);
    }
    return state;
  }

  create(script: ScriptAgent, isRoot: boolean) {
    const { plane, tenant, user, session, retries = 0 } = this.#request;
    const identity = {
      agent: script.agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
    const bare: BaseChatModel = new ConformanceModel(script, (seen, messages) => {
      this.#modelCalls.push(seen);
      this.#note(messages);
    });
    const tools = script.tools.map((one) => this.#tool(one));
    const model = (plane === undefined ? bare : guardModel(plane, identity, bare)).withConfig({
      tools,
    } as object);
    const options = { handleToolErrors: retries === 0 };
    const node =
      plane === undefined
        ? new ToolNode(tools, options)
        : new GuardedToolNode(plane, identity, tools, options);
    return new StateGraph(MessagesAnnotation)
      .addNode("agent", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addNode("tools", retries === 0 ? node : retrying(node, retries))
      .addEdge("__start__", "agent")
      .addConditionalEdges("agent", toolsCondition, ["tools", "__end__"])
      .addEdge("tools", "agent")
      .compile(isRoot ? { checkpointer: new MemorySaver() } : {});
  }

  #tool({ name, does }: ScriptTool): StructuredToolInterface {
    const work =
      typeof does === "function"
        ? (input: unknown, config?: RunnableConfig) => does(input, config?.signal)
        : () => this.#delegate(does);
    return tool(async (input: unknown, config?: RunnableConfig) => textOf(await work(input, config)), {
      name,
      description: `Does ${name}.`,
      schema: z.looseObject({}),
    });
  }

  /** LangGraph hands the thread, the callbacks and the signal of the outer run to one inside its tools by itself. */
  async #delegate(script: ScriptAgent): Promise<string> {
    const known = this.#nested.get(script) ?? this.create(script, false);
    this.#nested.set(script, known);
    const { messages } = await known.invoke({ messages: [{ role: "user", content: "go" }] });
    this.#note(messages);
    return messages.at(-1)?.text ?? "";
  }

  #note(messages: readonly BaseMessage[]): void {
    for (const message of messages) {
      if (!ToolMessage.isInstance(message)) continue;
      const callId = message.tool_call_id;
      const isError = message.status === "error";
      this.#results.set(`${callId} ${message.text}`, { callId, text: message.text, isError });
    }
  }

  #everything(): Pick<AgentRun, "modelCalls" | "results" | "pieces" | "observed"> {
    return {
      modelCalls: [...this.#modelCalls],
      results: [...this.#results.values()],
      pieces: [...this.#pieces],
      observed: [...this.#observed],
    };
  }

  #seen(state: unknown): AgentRun {
    const messages = messagesOf(state);
    this.#note(messages);
    this.#observed.push(JSON.stringify(messages.map((message) => message.toDict())));
    const pending = pendingOf(state);
    const last = messages.at(-1);
    return {
      ...this.#everything(),
      status: pending.length > 0 ? "pending" : "done",
      text: last?.type === "ai" ? last.text : "",
      pending,
    };
  }
}

/** A node of the user's own that tries a failed one again. */
function retrying(node: ToolNode, retries: number) {
  return async (state: typeof MessagesAnnotation.State, config: RunnableConfig) => {
    for (let attempt = 1; ; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
        const update: { messages: BaseMessage[] } = await node.invoke(state, config);
        return update;
      } catch (error) {
        if (isGraphBubbleUp(error)) throw error;
        if (attempt > retries) return { messages: failed(state, error) };
      }
    }
  };
}

function failed({ messages }: typeof MessagesAnnotation.State, error: unknown): BaseMessage[] {
  const last = messages.at(-1);
  const calls: readonly { readonly id?: string; readonly name: string }[] =
    last !== undefined && "tool_calls" in last && Array.isArray(last.tool_calls) ? last.tool_calls : [];
  const content = error instanceof Error ? error.message : "failed";
  return calls.map(
    ({ id = "", name }) => new ToolMessage({ content, tool_call_id: id, name, status: "error" }),
  );
}

/** The type of a graph's input does not say that it takes both. */
function asInput(input: unknown): Parameters<Graph["invoke"]>[0] {
  return input as Parameters<Graph["invoke"]>[0];
}

function messagesOf(state: unknown): readonly BaseMessage[] {
  if (typeof state !== "object" || state === null || !("messages" in state)) return [];
  return Array.isArray(state.messages) ? state.messages.filter((one) => BaseMessage.isInstance(one)) : [];
}

/** The calls that wait, each with LangGraph's id of its interrupt: one for all calls of a turn, or for a model call. */
function pendingOf(state: unknown): readonly (PendingCall & { readonly interruptId: string })[] {
  if (!isInterrupted<ApprovalRequests | PendingCall>(state)) return [];
  return state[INTERRUPT].flatMap(({ id, value }) => {
    if (id === undefined || value === undefined) return [];
    const requests = "requests" in value ? value.requests : [value];
    return requests.map(({ approvalId }) => ({ approvalId, interruptId: id }));
  });
}

function textOf(result: unknown): string {
  return typeof result === "string" ? result : JSON.stringify(result);
}
