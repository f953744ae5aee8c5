import type {
  AdapterDriver,
  AgentRun,
  RunRequest,
  ScriptAgent,
  ScriptTool,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";
import OpenAI from "openai";
import type { RunnableToolFunctionWithParse } from "openai/lib/RunnableFunction";

import { govern, guardFunctions, isPolicyError } from "../src/index.ts";
import { ScriptedProvider } from "./scripted-provider.ts";

/** Plays conformance scripts with `runTools` of the `openai` client: `govern` around it, `guardFunctions` in it. */
export function createOpenAIDriver(): AdapterDriver {
  const conversations = new WeakMap<AgentRun, Conversation>();
  const all: Conversation[] = [];
  const seen = async (conversation: Conversation): Promise<AgentRun> => {
    const run = await conversation.pauseOrEnd();
    conversations.set(run, conversation);
    return run;
  };
  return {
    capabilities: ["model", "stream", "parallel", "retry", "resume", "nested", "hiding", "abort"],
    run(request) {
      const conversation = new Conversation(request);
      all.push(conversation);
      conversation.start();
      return seen(conversation);
    },
    async resume(run, answers) {
      const conversation = conversations.get(run);
      if (conversation === undefined || run.status !== "pending") return run;
      conversation.answered(answers.map(({ approvalId }) => approvalId));
      return seen(conversation);
    },
    close: async () => void (await Promise.all(all.map((conversation) => conversation.close()))),
  };
}

/** One run and everything that was seen in it. A function that waits for a human keeps the run waiting. */
class Conversation {
  readonly #request: RunRequest;
  readonly #modelCalls: SeenModelCall[] = [];
  readonly #results = new Map<string, SeenResult>();
  readonly #pieces: string[] = [];
  readonly #observed: string[] = [];
  readonly #providers: ScriptedProvider[] = [];
  readonly #pending = new Set<string>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #end: Pick<AgentRun, "status" | "text" | "error"> | undefined;
  #unsubscribe = (): void => undefined;

  constructor(request: RunRequest) {
    this.#request = request;
  }

  start(): void {
    const { plane, script, isStreaming = false } = this.#request;
    this.#unsubscribe =
      plane?.approvals.subscribe(({ id, status }) => {
        if (status === "pending") this.#pending.add(id);
        else this.#pending.delete(id);
      }) ?? this.#unsubscribe;
    this.#running = this.#play(script, isStreaming).then(
      (text) => void (this.#end = { status: "done", text }),
      (error: unknown) => void (this.#end = this.#failure(error)),
    );
  }

  answered(ids: readonly string[]): void {
    for (const id of ids) this.#pending.delete(id);
  }

  /** Until the run has ended, or nothing but humans can go on with it. */
  async pauseOrEnd(): Promise<AgentRun> {
    for (let quiet = 0; this.#end === undefined && quiet < 20;) {
      // oxlint-disable-next-line no-await-in-loop -- looks again and again
      await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, 2))]);
      quiet = this.#pending.size > 0 ? quiet + 1 : 0;
    }
    const end = this.#end ?? { status: "pending" as const, text: "" };
    return {
      ...end,
      modelCalls: [...this.#modelCalls],
      results: [...this.#results.values()],
      pieces: [...this.#pieces],
      observed: [...this.#observed],
      pending: end.status === "pending" ? [...this.#pending].map((approvalId) => ({ approvalId })) : [],
    };
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await Promise.all(this.#providers.map((provider) => provider.close()));
  }

  /** A refused model call ends the run: that is what an application sees. */
  #failure(error: unknown): Pick<AgentRun, "status" | "text" | "error"> {
    if (error instanceof Error) this.#observed.push(`${error.message} ${JSON.stringify(error)}`);
    return isPolicyError(error) ? { status: "done", text: "", error } : { status: "failed", text: "", error };
  }

  async #play(script: ScriptAgent, isStreaming: boolean): Promise<string> {
    const provider = await ScriptedProvider.start(script, (seen, messages) => {
      this.#modelCalls.push(seen);
      this.#note(messages);
    });
    this.#providers.push(provider);
    const bare = new OpenAI({ apiKey: "test", baseURL: provider.url, maxRetries: 0 });
    const { client, tools } = this.#under(script, bare);
    const { signal = this.#stop.signal } = this.#request;
    const params = { model: "script-1", messages: [{ role: "user" as const, content: "go" }], tools };
    if (!isStreaming) {
      const runner = client.chat.completions.runTools(params, { signal });
      runner.on("message", (message) => this.#observed.push(JSON.stringify(message)));
      runner.on("functionToolCallResult", (result) => this.#observed.push(result));
      const text = await runner.finalContent();
      this.#note(runner.messages);
      return text ?? "";
    }
    const runner = client.chat.completions.runTools({ ...params, stream: true }, { signal });
    runner.on("content", (delta) => this.#pieces.push(delta));
    runner.on("message", (message) => this.#observed.push(JSON.stringify(message)));
    const text = await runner.finalContent();
    this.#note(runner.messages);
    return text ?? "";
  }

  #under(
    script: ScriptAgent,
    bare: OpenAI,
  ): { client: OpenAI; tools: RunnableToolFunctionWithParse<object>[] } {
    const { plane, tenant, user, session } = this.#request;
    const tools = script.tools.map((one) => this.#tool(one));
    if (plane === undefined) return { client: bare, tools };
    const identity = {
      agent: script.agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
    return {
      client: govern(plane, identity, bare),
      tools: guardFunctions(plane, identity, tools).map((one) => this.#retrying(one)),
    };
  }

  /** A user's own wrapper that tries a failed function again, around the guarded one. */
  #retrying(one: RunnableToolFunctionWithParse<object>): RunnableToolFunctionWithParse<object> {
    const { retries = 0 } = this.#request;
    const run = one.function.function;
    const again: typeof run = async (...given) => {
      for (let attempt = 1; ; attempt++) {
        try {
          // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
          return await run(...given);
        } catch (error) {
          if (retries === 0) throw error;
          if (attempt > retries) return `Error: ${error instanceof Error ? error.message : "failed"}`;
        }
      }
    };
    return { ...one, function: { ...one.function, function: again } };
  }

  #tool({ name, does }: ScriptTool): RunnableToolFunctionWithParse<object> {
    return {
      type: "function",
      function: {
        name,
        description: `Does ${name}.`,
        parameters: { type: "object" },
        parse: (text) => JSON.parse(text),
        function: async (input, runner) => {
          const result =
            typeof does === "function"
              ? await does(input, runner.controller.signal)
              : await this.#play(does, this.#request.isStreaming === true);
          return typeof result === "string" ? result : JSON.stringify(result);
        },
      },
    };
  }

  #note(messages: readonly object[]): void {
    for (const message of messages) {
      if (!("role" in message && message.role === "tool" && "tool_call_id" in message)) continue;
      const callId = String(message.tool_call_id);
      const content = "content" in message ? message.content : undefined;
      const text = typeof content === "string" ? content : JSON.stringify(content);
      this.#results.set(`${callId} ${text}`, {
        callId,
        text,
        isError: /^(?:Error|Invalid tool_call): /.test(text),
      });
    }
  }
}
