import type {
  AdapterDriver,
  AgentRun,
  RunRequest,
  ScriptAgent,
  ScriptTool,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";
import {
  Agent,
  Runner,
  RunState,
  setTracingDisabled,
  tool,
  type AgentInputItem,
  type RunToolApprovalItem,
} from "@openai/agents";

import { approvalIdOf, govern, GovernedRunner } from "../../src/agents.ts";
import { ScriptModel } from "./script-model.ts";

setTracingDisabled(true);

/** A schema that lets every member through. */
const LOOSE = { type: "object" as const, properties: {}, required: [], additionalProperties: true as const };

/** Plays conformance scripts with the Agents SDK: `govern` around each agent, the governed runner around the run. */
export function createAgentsDriver(): AdapterDriver {
  const paused = new WeakMap<AgentRun, Conversation>();
  const seen = async (
    conversation: Conversation,
    input: Parameters<Conversation["play"]>[0],
  ): Promise<AgentRun> => {
    const run = await conversation.play(input);
    paused.set(run, conversation);
    return run;
  };
  return {
    capabilities: ["model", "stream", "parallel", "retry", "resume", "nested", "hiding", "abort"],
    run: (request) => seen(new Conversation(request), "go"),
    async resume(run, answers) {
      const conversation = paused.get(run);
      if (conversation === undefined || run.status !== "pending") return run;
      return seen(conversation, {
        answers: new Map(answers.map(({ approvalId, isApproved }) => [approvalId, isApproved])),
      });
    },
  };
}

/** One run and everything that was seen in it. */
class Conversation {
  readonly #request: RunRequest;
  readonly #agent: Agent;
  readonly #runner: Runner;
  readonly #modelCalls: SeenModelCall[] = [];
  readonly #results = new Map<string, SeenResult>();
  readonly #pieces: string[] = [];
  readonly #observed: string[] = [];
  /** What waits, by the plane's id of its approval. */
  readonly #waiting = new Map<string, RunToolApprovalItem>();
  #saved: string | undefined;

  constructor(request: RunRequest) {
    this.#request = request;
    this.#agent = this.#create(request.script);
    this.#runner = request.plane === undefined ? new Runner() : new GovernedRunner();
  }

  async play(input: string | { readonly answers: ReadonlyMap<string, boolean> }): Promise<AgentRun> {
    try {
      const given = typeof input === "string" ? input : await this.#answered(input.answers);
      const result = await this.#run(given);
      this.#note(result.history);
      this.#observed.push(JSON.stringify(result.history), result.state.toString());
      this.#saved = result.state.toString();
      const pending = this.#pendingOf(result.interruptions ?? []);
      const text = typeof result.finalOutput === "string" ? result.finalOutput : "";
      return this.#seen({ status: pending.length > 0 ? "pending" : "done", text, pending });
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): AgentRun {
    const isRefusal = error instanceof Error && "decisionId" in error;
    if (error instanceof Error) this.#observed.push(error.message);
    // A refused model call ends the run with our error: that is what an application sees.
    return this.#seen({ status: isRefusal ? "done" : "failed", text: "", pending: [], error });
  }

  async #run(input: string | RunState<undefined, Agent>) {
    const { signal, isStreaming } = this.#request;
    const options = {
      toolNotFoundBehavior: "return_error_to_model" as const,
      ...(signal !== undefined && { signal }),
    };
    if (isStreaming !== true) return this.#runner.run(this.#agent, input, options);
    const result = await this.#runner.run(this.#agent, input, { ...options, stream: true });
    for await (const event of result) {
      this.#observed.push(
        JSON.stringify(event, (key, value: unknown) => (key === "agent" ? undefined : value)),
      );
      if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta")
        this.#pieces.push(event.data.delta);
    }
    await result.completed;
    if (result.error) throw result.error;
    return result;
  }

  /** Goes on from what was saved, as a process that started anew would. */
  async #answered(answers: ReadonlyMap<string, boolean>): Promise<RunState<undefined, Agent>> {
    const state = await RunState.fromString<undefined, Agent>(this.#agent, this.#saved ?? "");
    for (const item of state.getInterruptions()) {
      const [id] = [...this.#waiting].find(([, one]) => callIdOf(one) === callIdOf(item)) ?? [];
      const isApproved = id === undefined ? undefined : answers.get(id);
      if (isApproved === true) state.approve(item);
      if (isApproved === false) state.reject(item);
    }
    return state;
  }

  #pendingOf(items: readonly RunToolApprovalItem[]): AgentRun["pending"] {
    this.#waiting.clear();
    for (const item of items) this.#waiting.set(approvalIdOf(item) ?? "the tool's own", item);
    return [...this.#waiting.keys()].map((approvalId) => ({ approvalId }));
  }

  #seen(rest: Pick<AgentRun, "status" | "text" | "pending" | "error">): AgentRun {
    return {
      ...rest,
      modelCalls: [...this.#modelCalls],
      results: [...this.#results.values()],
      pieces: [...this.#pieces],
      observed: [...this.#observed],
    };
  }

  #create(script: ScriptAgent): Agent {
    const { plane, tenant, user, session } = this.#request;
    const agent = new Agent({
      name: script.agent,
      model: new ScriptModel(script, (seen, { input }) => {
        this.#modelCalls.push(seen);
        if (typeof input !== "string") this.#note(input);
      }),
      tools: script.tools.map((one) => this.#tool(one)),
    });
    if (plane === undefined) return agent;
    const identity = {
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
    return this.#retrying(govern(plane, identity, agent));
  }

  /** A user's own wrapper that tries a failed tool again, around the governed one. */
  #retrying(agent: Agent): Agent {
    const { retries = 0 } = this.#request;
    if (retries === 0) return agent;
    const all = agent.getAllTools.bind(agent);
    const retrying: typeof all = async (context) =>
      (await all(context)).map((one) => {
        if (one.type !== "function") return one;
        const invoke: typeof one.invoke = async (...given) => {
          for (let attempt = 1; ; attempt++) {
            try {
              // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
              return await one.invoke(...given);
            } catch (error) {
              if (attempt > retries) return `Error: ${error instanceof Error ? error.message : "failed"}`;
            }
          }
        };
        return { ...one, invoke };
      });
    // To set it is an error: who means it defines it.
    return Object.defineProperty(agent, "getAllTools", { value: retrying });
  }

  #tool({ name, does }: ScriptTool) {
    if (typeof does !== "function") {
      return this.#create(does).asTool({
        toolName: name,
        toolDescription: `Does ${name}.`,
        // The type wants a closed schema; the SDK takes any.
        parameters: LOOSE as never,
        inputBuilder: () => "go",
      });
    }
    const { retries = 0 } = this.#request;
    return tool({
      name,
      description: `Does ${name}.`,
      parameters: LOOSE,
      strict: false,
      async execute(input: unknown, _context, details) {
        const result = await does(input, details?.signal);
        return typeof result === "string" ? result : JSON.stringify(result);
      },
      ...(retries > 0 && { errorFunction: null }),
    });
  }

  #note(items: readonly AgentInputItem[]): void {
    for (const item of items) {
      if (item.type !== "function_call_result") continue;
      const text =
        typeof item.output === "string"
          ? item.output
          : "text" in item.output
            ? item.output.text
            : JSON.stringify(item.output);
      const { callId } = item;
      this.#results.set(`${callId} ${text}`, {
        callId,
        text,
        isError: /^Error: |not found|not approved/.test(text),
      });
    }
  }
}

function callIdOf(item: RunToolApprovalItem): unknown {
  return "callId" in item.rawItem ? item.rawItem.callId : item.rawItem.id;
}
