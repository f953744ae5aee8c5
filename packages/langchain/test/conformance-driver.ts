import type {
  AdapterDriver,
  AgentRun,
  ApprovalAnswer,
  RunRequest,
  ScriptAgent,
  ScriptTool,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";
import { AIMessageChunk, BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { RunnableConfig } from "@langchain/core/runnables";
import type { ClientTool } from "@langchain/core/tools";
import {
  Command,
  INTERRUPT,
  isGraphBubbleUp,
  isInterrupted,
  MemorySaver,
  type StreamMode,
} from "@langchain/langgraph";
import { createAgent, createMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import * as z from "zod";

import { govern, type ApprovalRequest } from "../src/index.ts";
import { ConformanceModel } from "./conformance-model.ts";

/** Plays conformance scripts with LangChain's `createAgent`, governed by `govern`. */
export function createLangChainDriver(): AdapterDriver {
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

/** One answer for each interrupt that waits, by its id; a call nobody answered for gets none. */
function resumeOf({ pending }: AgentRun, answers: readonly ApprovalAnswer[]): Record<string, unknown> {
  const resume: Record<string, unknown> = {};
  for (const waiting of pending) {
    const { approvalId } = waiting;
    const answer = answers.find((one) => one.approvalId === approvalId);
    if (answer === undefined || !("interruptId" in waiting)) continue;
    resume[String(waiting.interruptId)] = {
      approvalId,
      decision: answer.isApproved ? "approve" : "deny",
      by: "olga",
    };
  }
  return resume;
}

/** A thread of one agent, and everything that was seen in it. */
class Conversation {
  readonly #request: RunRequest;
  readonly #config: RunnableConfig;
  readonly #agent: ReturnType<typeof createAgent>;
  /** Agents inside tools: a paused one must go on as the same. */
  readonly #nested = new Map<ScriptAgent, ReturnType<typeof createAgent>>();
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
    this.#agent = this.#create(request.script, true);
  }

  async play(input: unknown): Promise<AgentRun> {
    try {
      const state =
        this.#request.isStreaming === true ? await this.#stream(input) : await this.#invoke(input);
      return this.#seen(state);
    } catch (error) {
      return { ...this.#everything(), status: "failed", text: "", pending: [], error };
    }
  }

  async #invoke(input: unknown): Promise<unknown> {
    return this.#agent.invoke(input, this.#config);
  }

  async #stream(input: unknown): Promise<unknown> {
    const state: Record<string, unknown> = {};
    const streamMode: StreamMode[] = ["messages", "values", "updates"];
    for await (const event of await this.#agent.stream(input, { ...this.#config, streamMode })) {
      const [mode, data]: readonly unknown[] = Array.isArray(event) ? event : [];
      if (mode === "values" && typeof data === "object") Object.assign(state, data);
      if (mode === "updates" && isInterrupted(data)) state[INTERRUPT] = data[INTERRUPT];
      const chunk: unknown = mode === "messages" && Array.isArray(data) ? data[0] : undefined;
      if (AIMessageChunk.isInstance(chunk) && chunk.text !== "") this.#pieces.push(chunk.text);
    }
    return state;
  }

  #create(script: ScriptAgent, isRoot: boolean): ReturnType<typeof createAgent> {
    const { plane, tenant, user, session } = this.#request;
    const params = {
      model: new ConformanceModel(script, (seen, messages) => {
        this.#modelCalls.push(seen);
        this.#note(messages);
      }),
      tools: script.tools.map((one) => this.#tool(one)),
      middleware: this.#retrying(),
      ...(isRoot && { checkpointer: new MemorySaver() }),
    };
    if (plane === undefined) return createAgent(params);
    const identity = {
      agent: script.agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
    return createAgent(govern(plane, identity, params));
  }

  #tool({ name, does }: ScriptTool): ClientTool {
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
    const known = this.#nested.get(script) ?? this.#create(script, false);
    this.#nested.set(script, known);
    const state: unknown = await known.invoke({ messages: [{ role: "user", content: "go" }] });
    const messages = messagesOf(state);
    this.#note(messages);
    return messages.at(-1)?.text ?? "";
  }

  /** A user's own middleware that tries a failed tool call again, around the adapter's gate. */
  #retrying(): readonly AnyAgentMiddleware[] {
    const { retries = 0 } = this.#request;
    if (retries === 0) return [];
    return [
      createMiddleware({
        name: "retrying",
        async wrapToolCall(request, handler) {
          for (let attempt = 1; ; attempt++) {
            try {
              // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
              return await handler(request);
            } catch (error) {
              if (isGraphBubbleUp(error)) throw error;
              if (attempt > retries) return failed(request.toolCall, error);
            }
          }
        },
      }),
    ];
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

function messagesOf(state: unknown): readonly BaseMessage[] {
  if (typeof state !== "object" || state === null || !("messages" in state)) return [];
  return Array.isArray(state.messages) ? state.messages.filter((one) => BaseMessage.isInstance(one)) : [];
}

/** The calls that wait, each with LangGraph's id of its interrupt. */
function pendingOf(state: unknown): readonly { readonly approvalId: string; readonly interruptId: string }[] {
  if (!isInterrupted<ApprovalRequest>(state)) return [];
  return state[INTERRUPT].flatMap(({ id, value }) =>
    id === undefined || value === undefined ? [] : [{ approvalId: value.approvalId, interruptId: id }],
  );
}

function textOf(result: unknown): string {
  return typeof result === "string" ? result : JSON.stringify(result);
}

function failed(
  { id = "", name }: { readonly id?: string | undefined; readonly name: string },
  error: unknown,
): ToolMessage {
  const content = error instanceof Error ? error.message : "failed";
  return new ToolMessage({ content, tool_call_id: id, name, status: "error" });
}
