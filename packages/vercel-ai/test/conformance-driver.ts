import type {
  AdapterDriver,
  AgentRun,
  RunRequest,
  ScriptAgent,
  ScriptTool,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import {
  generateText,
  stepCountIs,
  streamText,
  tool,
  type ModelMessage,
  type Tool,
  type ToolExecutionOptions,
  type ToolSet,
} from "ai";
import * as z from "zod";

import { govern, guardApproval, guardModel, guardTools, type GovernedIdentity } from "../src/index.ts";
import { ConformanceModel } from "./conformance-model.ts";
import { pendingOf, responseOf, textOf } from "./conformance-parts.ts";
import { retrying } from "./retrying-tools.ts";

/** Plays conformance scripts with the AI SDK's tool loop, governed by `govern`. */
export function createVercelDriver(): AdapterDriver {
  const started = new WeakMap<AgentRun, Conversation>();
  const go = async (conversation: Conversation, message: ModelMessage | undefined): Promise<AgentRun> => {
    const run = await conversation.goOn(message);
    started.set(run, conversation);
    return run;
  };
  return {
    capabilities: ["model", "stream", "parallel", "retry", "resume", "nested", "hiding", "abort"],
    run: (request) => go(new Conversation(request), { role: "user", content: "go" }),
    async resume(run, answers) {
      const conversation = started.get(run);
      if (conversation === undefined || run.status !== "pending") return run;
      return go(conversation, responseOf(run, answers));
    },
  };
}

/** One chat, and everything that was seen in it. */
class Conversation {
  readonly #request: RunRequest;
  readonly #models = new Map<ScriptAgent, ConformanceModel>();
  #messages: readonly ModelMessage[] = [];
  readonly #modelCalls: SeenModelCall[] = [];
  readonly #results = new Map<string, SeenResult>();
  readonly #pieces: string[] = [];
  readonly #observed: string[] = [];
  /** Requests of agents inside tools: there the call itself waits. */
  readonly #awaited = new Set<string>();
  #running: Promise<AgentRun> | undefined;
  #ended: AgentRun | undefined;
  #isInside = 0;

  constructor(request: RunRequest) {
    this.#request = request;
    request.plane?.approvals.subscribe(({ id, status }) => {
      if (status !== "pending") this.#awaited.delete(id);
      else if (this.#isInside > 0) this.#awaited.add(id);
    });
  }

  /** Until the run has ended, or waits for nothing but humans. */
  async goOn(message: ModelMessage | undefined): Promise<AgentRun> {
    this.#running ??= this.#play(message).then((run) => (this.#ended = run));
    for (let quiet = 0; this.#ended === undefined && quiet < 20;) {
      // oxlint-disable-next-line no-await-in-loop -- looks again and again
      await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, 2))]);
      quiet = this.#awaited.size > 0 ? quiet + 1 : 0;
    }
    const ended = this.#ended;
    if (ended !== undefined) {
      this.#running = undefined;
      this.#ended = undefined;
      return ended;
    }
    const pending = [...this.#awaited].map((approvalId) => ({ approvalId }));
    return { ...this.#everything(), status: "pending", text: "", pending };
  }

  async #play(message: ModelMessage | undefined): Promise<AgentRun> {
    if (message !== undefined) this.#messages = [...this.#messages, message];
    try {
      const settings = this.#settings(this.#request.script, this.#messages);
      return this.#request.isStreaming === true
        ? await this.#stream(settings)
        : await this.#generate(settings);
    } catch (error) {
      return { ...this.#everything(), status: "failed", text: "", pending: [], error };
    }
  }

  async #generate(settings: Settings): Promise<AgentRun> {
    const { text, content, response } = await generateText(settings);
    return this.#seen({ text, content, messages: response.messages });
  }

  async #stream(settings: Settings): Promise<AgentRun> {
    const errors: unknown[] = [];
    const result = streamText({ ...settings, onError: ({ error }) => void errors.push(error) });
    for await (const part of result.fullStream) {
      if (part.type === "text-delta" && part.text !== "") this.#pieces.push(part.text);
      if (part.type === "raw") continue;
      this.#observed.push(JSON.stringify(part));
    }
    const [failure] = errors;
    if (failure !== undefined) throw failure;
    const { messages } = await result.response;
    return this.#seen({ text: await result.text, content: await result.content, messages });
  }

  #settings(script: ScriptAgent, messages: readonly ModelMessage[]): Settings {
    const { plane, retries = 0, signal } = this.#request;
    const settings: Settings = {
      model: this.#model(script),
      tools: Object.fromEntries(script.tools.map((one) => [one.name, this.#tool(one)])),
      messages: [...messages],
      stopWhen: stepCountIs(20),
      maxRetries: 0,
      ...(signal !== undefined && { abortSignal: signal }),
      onToolExecutionEnd: (event) => void this.#observed.push(JSON.stringify(event.toolOutput)),
      onStepEnd: ({ content, response }) => {
        this.#observed.push(JSON.stringify([content, response.body ?? null]));
        for (const part of content) this.#noteOutput(part);
      },
    };
    if (plane === undefined) return { ...settings, tools: retrying(settings.tools, retries) };
    const identity = this.#identity(script.agent);
    if (retries === 0) return govern(plane, identity, settings);
    // A retry of the user's own stands around the adapter's gate.
    return {
      ...settings,
      model: guardModel(plane, identity, settings.model),
      tools: retrying(guardTools(plane, identity, settings.tools), retries),
      toolApproval: guardApproval(plane, identity),
    };
  }

  #identity(agent: string): GovernedIdentity {
    const { tenant, user, session } = this.#request;
    return {
      agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
  }

  #model(script: ScriptAgent): ConformanceModel {
    const known =
      this.#models.get(script) ??
      new ConformanceModel(script, (seen, prompt) => {
        this.#modelCalls.push(seen);
        this.#notePrompt(prompt);
      });
    this.#models.set(script, known);
    return known;
  }

  #tool({ name, does }: ScriptTool): Tool {
    const execute =
      typeof does === "function"
        ? async (input: unknown, { abortSignal }: ToolExecutionOptions<unknown>) => does(input, abortSignal)
        : async () => this.#delegate(does);
    return tool({ description: `Does ${name}.`, inputSchema: z.looseObject({}), execute });
  }

  async #delegate(script: ScriptAgent): Promise<string> {
    this.#isInside++;
    try {
      const { text } = await generateText(this.#settings(script, [{ role: "user", content: "go" }]));
      return text;
    } finally {
      this.#isInside--;
    }
  }

  #notePrompt(prompt: LanguageModelV4Prompt): void {
    for (const message of prompt) {
      if (message.role !== "tool") continue;
      for (const part of message.content) {
        if (part.type !== "tool-result") continue;
        const { toolCallId, output } = part;
        const isError = output.type.startsWith("error-") || output.type === "execution-denied";
        this.#note(
          toolCallId,
          output.type === "execution-denied" ? (output.reason ?? "denied") : textOf(output),
          isError,
        );
      }
    }
  }

  /** What the last step gave, for which no model call follows. */
  #noteOutput(part: { readonly type: string }): void {
    if (part.type === "tool-error" && "toolCallId" in part && "error" in part) {
      const { error } = part;
      this.#note(String(part.toolCallId), error instanceof Error ? error.message : String(error), true);
    }
  }

  #note(callId: string, text: string, isError: boolean): void {
    this.#results.set(`${callId} ${text}`, { callId, text, isError });
  }

  #everything(): Pick<AgentRun, "modelCalls" | "results" | "pieces" | "observed"> {
    return {
      modelCalls: [...this.#modelCalls],
      results: [...this.#results.values()],
      pieces: [...this.#pieces],
      observed: [...this.#observed],
    };
  }

  #seen({ text, content, messages }: Ended): AgentRun {
    this.#messages = [...this.#messages, ...messages];
    this.#observed.push(JSON.stringify(messages));
    const pending = content.flatMap(pendingOf);
    return { ...this.#everything(), status: pending.length > 0 ? "pending" : "done", text, pending };
  }
}

type Settings = Parameters<typeof generateText<ToolSet>>[0] & {
  tools: ToolSet;
  messages: ModelMessage[];
};

interface Ended {
  readonly text: string;
  readonly content: readonly { readonly type: string }[];
  readonly messages: readonly ModelMessage[];
}
