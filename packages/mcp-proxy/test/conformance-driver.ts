import type {
  AdapterDriver,
  AgentRun,
  RunRequest,
  ScriptCall,
  SeenModelCall,
  SeenResult,
} from "@agentplane/core/testing";

import { createRelay, type Frame, type Relay } from "../src/index.ts";

/**
 * Plays conformance scripts as an MCP client that calls the tools of a server, through the relay.
 * @param isListing Whether it lists the tools before each turn, as a host does to offer them to its model. The model itself is
 *   none of MCP's: what is asked of model calls beside that cannot be met. Default false.
 */
export function createMcpDriver(isListing = false): AdapterDriver {
  const conversations = new WeakMap<AgentRun, Conversation>();
  const seen = async (conversation: Conversation): Promise<AgentRun> => {
    const run = await conversation.pauseOrEnd();
    conversations.set(run, conversation);
    return run;
  };
  return {
    capabilities: [...(isListing ? ["model" as const] : []), "parallel", "resume", "hiding", "abort"],
    run(request) {
      const conversation = new Conversation(request, isListing);
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

/** One client, one server, and everything that was seen between them. */
class Conversation {
  readonly #request: RunRequest;
  readonly #isListing: boolean;
  readonly #relay: Relay | undefined;
  readonly #results: SeenResult[] = [];
  /** What a host would offer to its model, turn by turn: the tools that are listed. */
  readonly #offers: SeenModelCall[] = [];
  readonly #observed: string[] = [];
  readonly #pending = new Set<string>();
  readonly #waiting = new Map<string, (response: Message) => void>();
  readonly #serving = new Map<string, AbortController>();
  #running: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(request: RunRequest, isListing: boolean) {
    this.#request = request;
    this.#isListing = isListing;
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
      modelCalls: [...this.#offers],
      results: [...this.#results],
      text: "",
      pieces: [],
      observed: [...this.#observed],
      pending,
    };
  }

  async #play(): Promise<void> {
    for (const { calls = [] } of this.#request.script.turns) {
      // oxlint-disable-next-line no-await-in-loop -- turns follow each other
      if (this.#isListing) await this.#offer();
      // oxlint-disable-next-line no-await-in-loop
      await Promise.all(calls.map((call) => this.#call(call)));
    }
  }

  async #offer(): Promise<void> {
    const id = `list-${this.#offers.length}`;
    const response = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#send({ jsonrpc: "2.0", id, method: "tools/list", params: {} });
    const { result } = (await response) as { result?: { tools: { name: string }[] } };
    const offered = (result?.tools ?? []).map(({ name }) => name);
    this.#offers.push({ agent: this.#request.script.agent, prompt: "", offered });
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
