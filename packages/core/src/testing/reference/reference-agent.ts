import type { JsonValue } from "../../base/json.ts";
import type { ContextInit } from "../../context/create-context.ts";
import type { Guard } from "../../enforce/guard.ts";
import type { PendingCall, RunRequest } from "../adapter-driver.ts";
import type { ScriptAgent, ScriptCall, ScriptTool } from "../agent-script.ts";
import { askModel, type ModelRequest } from "./governed-model.ts";
import { callTool, type ToolRequest } from "./governed-tool.ts";
import { ScriptedModel } from "./scripted-model.ts";
import type { ReferenceSeams } from "./seams.ts";
import { Paused, type Trace } from "./trace.ts";

/** What an agent works with. */
export interface AgentSetting {
  readonly request: RunRequest;
  readonly seams: ReferenceSeams;
  readonly trace: Trace;
  readonly isNested: boolean;
}

/** One message of the conversation. */
interface Message {
  readonly role: "user" | "assistant" | "tool";
  readonly text: string;
  readonly callId?: string;
  readonly calls?: readonly ScriptCall[];
}

/** A plain agent loop: the model is asked, its calls are made, until it makes none. Keeps its place while it waits. */
export class ReferenceAgent {
  /** The final answer. */
  text = "";
  readonly #script: ScriptAgent;
  readonly #setting: AgentSetting;
  readonly #model: ScriptedModel;
  readonly #guard: Guard | undefined;
  readonly #messages: Message[] = [{ role: "user", text: "go" }];
  readonly #nested = new Map<string, ReferenceAgent>();
  #turn: readonly ScriptCall[] = [];
  #open: readonly ScriptCall[] = [];
  #offered: readonly string[] = [];
  #isResumed = false;

  constructor(script: ScriptAgent, setting: AgentSetting) {
    this.#script = script;
    this.#setting = setting;
    this.#model = new ScriptedModel(script, setting.trace);
    this.#guard = setting.seams.planeOf(setting.request, setting.isNested)?.guard;
  }

  /**
   * Goes on until the agent is done or waits.
   * @returns The calls that wait; none when the agent is done.
   * @throws What ends a run: the caller's abort, a provider's or the plane's error.
   */
  async advance(isResumed = false): Promise<readonly PendingCall[]> {
    const { request, seams } = this.#setting;
    this.#isResumed = isResumed;
    for (;;) {
      if (seams.isStopped(request.signal)) throw new Error("the caller aborted the run");
      // oxlint-disable-next-line no-await-in-loop -- an agent takes one step after the other
      if (this.#open.length === 0 && !(await this.#ask())) return [];
      // oxlint-disable-next-line no-await-in-loop -- an agent takes one step after the other
      const pending = await Promise.all(this.#open.map((call) => this.#make(call)));
      if (pending.flat().length > 0) return pending.flat();
    }
  }

  /** The conversation as this agent would save it. */
  saved(): string {
    return JSON.stringify(this.#messages);
  }

  /** Asks the model; answers whether it made calls. */
  async #ask(): Promise<boolean> {
    const answer = await askModel(this.#modelRequest());
    if (typeof answer === "string") {
      this.text = answer;
      return false;
    }
    const { text, calls } = answer;
    this.#messages.push({ role: "assistant", text, calls });
    this.#turn = calls;
    this.#open = calls;
    this.text = text;
    return calls.length > 0;
  }

  #modelRequest(): ModelRequest {
    return {
      ...this.#setting,
      guard: this.#guard,
      identity: this.#identity(),
      tools: this.#script.tools,
      messages: this.#messages,
      isResumed: this.#isResumed,
      model: this.#model,
      onOffered: (names) => {
        this.#offered = names;
      },
    };
  }

  async #make(call: ScriptCall): Promise<readonly PendingCall[]> {
    const ended = await callTool(this.#toolRequest(call));
    if (ended.status === "pending") return ended.pending;
    this.#open = this.#open.filter((other) => other !== call);
    const { text, isError } = ended;
    this.#setting.trace.results.push({ callId: call.id, text, isError });
    this.#messages.push({ role: "tool", text, callId: call.id });
    return [];
  }

  #toolRequest(call: ScriptCall): ToolRequest {
    return {
      ...this.#setting,
      guard: this.#guard,
      identity: this.#identity(),
      tools: this.#script.tools,
      call,
      turn: this.#turn,
      isResumed: this.#isResumed,
      offered: this.#offered,
      work: (tool, input, signal) => this.#work(tool, { input, signal, callId: call.id }),
    };
  }

  async #work(
    { does }: ScriptTool,
    { input, signal, callId }: { input: unknown; signal: AbortSignal | undefined; callId: string },
  ): Promise<JsonValue> {
    if (typeof does === "function") return does(input, signal);
    const known = this.#nested.get(callId);
    const agent = known ?? new ReferenceAgent(does, { ...this.#setting, isNested: true });
    this.#nested.set(callId, agent);
    const pending = await agent.advance(known !== undefined);
    if (pending.length > 0) throw new Paused(pending);
    return agent.text;
  }

  #identity(): Omit<ContextInit, "hookpoint"> {
    const { tenant, user, session } = this.#setting.request;
    return {
      agent: this.#script.agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
  }
}
