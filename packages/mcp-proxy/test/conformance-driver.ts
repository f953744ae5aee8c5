import type {
  AdapterDriver,
  AgentRun,
  RunRequest,
  ScriptCall,
  ScriptTurn,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";

import { createRelay, type Frame, type Relay } from "../src/index.ts";

/**
 * Whose the model is. `client`: of a host, whose model calls are none of MCP's. `listing`: of one that lists the tools before
 * each turn, to offer them to it. `server`: a server borrows it, turn by turn, by `sampling/createMessage`.
 */
export type Model = "client" | "listing" | "server";

/** Plays conformance scripts as an MCP client that calls the tools of a server, through the relay. */
export function createMcpDriver(model: Model = "client"): AdapterDriver {
  const conversations = new WeakMap<AgentRun, Conversation>();
  const seen = async (conversation: Conversation): Promise<AgentRun> => {
    const run = await conversation.pauseOrEnd();
    conversations.set(run, conversation);
    return run;
  };
  return {
    capabilities: [
      ...(model === "client" ? [] : ["model" as const]),
      "parallel",
      "resume",
      "hiding",
      "abort",
    ],
    run(request) {
      const conversation = new Conversation(request, model);
      conversation.start();
      return seen(conversation);
    },
    async resume(run, answers) {
      const conversation = conversations.get(run);
      if (conversation === undefined || run.status !== "pending") return run;
      conversation.answered(answers.map(({ approvalId }) => approvalId));
      return seen(conversation);
    },
  };
}

type Message = Record<string, unknown>;
/** A request for the client's model, as the server below makes it. */
interface Sampling {
  readonly id: string;
  readonly params: { readonly messages: unknown; readonly maxTokens: number };
}

/** One client, one server, and everything that was seen between them. */
class Conversation {
  readonly #request: RunRequest;
  readonly #model: Model;
  readonly #relay: Relay | undefined;
  readonly #results: SeenResult[] = [];
  /** What a host would offer to its model, turn by turn, or what a server has asked it. */
  readonly #modelCalls: SeenModelCall[] = [];
  #text = "";
  readonly #observed: string[] = [];
  readonly #pending = new Set<string>();
  readonly #waiting = new Map<string, (response: Message) => void>();
  readonly #turns = new Map<string, ScriptTurn>();
  readonly #serving = new Map<string, AbortController>();
  #running: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(request: RunRequest, model: Model) {
    this.#request = request;
    this.#model = model;
    const { plane, script, tenant, user, session } = request;
    if (plane === undefined) return;
    const identity = {
      agent: script.agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
    };
    this.#relay = createRelay(
      { plane, identity, server: "shop", approvalWaitMs: 60_000 },
      { toClient: ({ text }) => this.#toClient(text), toServer: (frame) => void this.#serve(frame) },
    );
    plane.approvals.subscribe(({ id, status }) => {
      if (status === "pending") this.#pending.add(id);
      else this.#pending.delete(id);
    });
  }

  start(): void {
    this.#running = this.#play().finally(() => void (this.#isOver = true));
  }

  answered(ids: readonly string[]): void {
    for (const id of ids) this.#pending.delete(id);
  }

  async pauseOrEnd(): Promise<AgentRun> {
    for (let quiet = 0; !this.#isOver && quiet < 20;) {
      // oxlint-disable-next-line no-await-in-loop -- looks again and again
      await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, 2))]);
      quiet = this.#pending.size > 0 ? quiet + 1 : 0;
    }
    const pending = this.#isOver ? [] : [...this.#pending].map((approvalId) => ({ approvalId }));
    return {
      status: this.#isOver ? "done" : "pending",
      modelCalls: [...this.#modelCalls],
      results: [...this.#results],
      text: this.#text,
      pieces: [],
      observed: [...this.#observed],
      pending,
    };
  }

  async #play(): Promise<void> {
    /* oxlint-disable no-await-in-loop -- turns follow each other */
    for (const turn of this.#request.script.turns) {
      if (this.#model === "listing") await this.#offer();
      if (this.#model === "server" && !(await this.#borrow(turn))) return;
      await Promise.all((turn.calls ?? []).map((call) => this.#call(call)));
    }
    /* oxlint-enable no-await-in-loop */
  }

  /** @returns Whether the server was given the answer of the client's model. */
  async #borrow(turn: ScriptTurn): Promise<boolean> {
    const id = `model-${crypto.randomUUID()}`;
    const texts = ["go on", ...this.#results.map(({ text }) => text)];
    const messages = texts.map((text) => ({ role: "user", content: { type: "text", text } }));
    const response = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#turns.set(id, turn);
    this.#respond({ id, method: "sampling/createMessage", params: { messages, maxTokens: 1_000_000 } });
    const { result } = (await response) as { result?: { content: { text: string } } };
    this.#text = result?.content.text ?? this.#text;
    return result !== undefined;
  }

  /** The client's model, as the script has it. */
  async #think({ id, params }: Sampling): Promise<void> {
    const { text = [], beforePiece } = this.#turns.get(id) ?? {};
    const prompt = JSON.stringify(params.messages);
    const { agent } = this.#request.script;
    this.#modelCalls.push({ agent, prompt, offered: [], maxOutputTokens: params.maxTokens });
    try {
      // oxlint-disable-next-line no-await-in-loop -- one piece after the other
      for (let piece = 0; piece < Math.max(text.length, 1); piece++) await beforePiece?.(piece);
      const content = { type: "text", text: text.join("") };
      this.#send({ jsonrpc: "2.0", id, result: { role: "assistant", model: "m", content } });
    } catch (error) {
      this.#send({ jsonrpc: "2.0", id, error: { code: -32603, message: String(error) } });
    }
  }

  async #offer(): Promise<void> {
    const id = `list-${this.#modelCalls.length}`;
    const response = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#send({ jsonrpc: "2.0", id, method: "tools/list", params: {} });
    const { result } = (await response) as { result?: { tools: { name: string }[] } };
    const offered = (result?.tools ?? []).map(({ name }) => name);
    this.#modelCalls.push({ agent: this.#request.script.agent, prompt: "", offered });
  }

  async #call({ id, tool, input }: ScriptCall): Promise<void> {
    const response = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const { signal } = this.#request;
    if (signal?.aborted === true) return;
    signal?.addEventListener("abort", () => {
      this.#send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
      // Whoever cancels waits no more.
      this.#waiting.get(id)?.({ error: { message: "cancelled" } });
    });
    this.#send({ jsonrpc: "2.0", id, method: "tools/call", params: { name: tool, arguments: input } });
    const { result, error } = (await response) as {
      result?: { content: { text: string }[]; isError?: boolean };
      error?: { message: string };
    };
    const text = error?.message ?? result?.content.map((part) => part.text).join("") ?? "";
    this.#results.push({ callId: id, text, isError: error !== undefined || result?.isError === true });
  }

  #send(message: Message): void {
    const text = JSON.stringify(message);
    if (this.#relay === undefined) void this.#serve({ message, text, raw: new Uint8Array() });
    else this.#relay.fromClient(new TextEncoder().encode(text));
  }

  #toClient(text: string): void {
    this.#observed.push(text);
    const message = JSON.parse(text) as Message;
    if (message["method"] === "sampling/createMessage")
      return void this.#think(message as unknown as Sampling);
    this.#waiting.get(String(message["id"]))?.(message);
  }

  /** A server as the specification has it. */
  async #serve({ message }: Frame): Promise<void> {
    if (message["method"] === "notifications/cancelled") {
      const { requestId } = (message["params"] ?? {}) as { requestId?: string };
      this.#serving.get(requestId ?? "")?.abort();
      return;
    }
    if (message["method"] === "tools/list") return this.#list(message["id"]);
    if (message["method"] === undefined) return this.#waiting.get(String(message["id"]))?.(message);
    const { id, params } = message as { id?: string; params?: { name: string; arguments: unknown } };
    if (id === undefined || params === undefined) return;
    const tool = this.#request.script.tools.find(({ name }) => name === params.name);
    const respond = (rest: Message): void => this.#respond({ id, ...rest });
    if (tool === undefined || typeof tool.does !== "function") {
      return respond({ error: { code: -32602, message: `Unknown tool: ${params.name}` } });
    }
    const controller = new AbortController();
    this.#serving.set(id, controller);
    try {
      const result = await tool.does(params.arguments, controller.signal);
      respond({
        result: {
          content: [{ type: "text", text: typeof result === "string" ? result : JSON.stringify(result) }],
        },
      });
    } catch (error) {
      respond({ error: { code: -32603, message: error instanceof Error ? error.message : "failed" } });
    }
  }

  #list(id: unknown): void {
    const tools = this.#request.script.tools.map(({ name }) => ({ name, inputSchema: { type: "object" } }));
    this.#respond({ id, result: { tools } });
  }

  #respond(message: Message): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    if (this.#relay === undefined) this.#toClient(text);
    else this.#relay.fromServer(new TextEncoder().encode(text));
  }
}
