import { OpenAIResponsesModel } from "@openai/agents";
import OpenAI from "openai";

interface Item {
  readonly type?: string;
  readonly approve?: boolean;
  readonly reason?: string;
  readonly approval_request_id?: string;
}

interface McpTool {
  readonly type: string;
  readonly allowed_tools?: { readonly tool_names?: readonly string[] } | readonly string[];
  readonly require_approval?:
    | "always"
    | "never"
    | { readonly never?: { readonly tool_names: readonly string[] } };
}

interface Body {
  readonly input: string | readonly Item[];
  readonly tools?: readonly McpTool[];
  readonly stream?: boolean;
}

/** A provider with a remote MCP server `shop`: it runs a call at once, or asks before, as the request says. */
export class McpProvider {
  readonly bodies: Body[] = [];
  /** Names of the tools that ran there. */
  readonly ran: string[] = [];
  readonly #calls: (readonly [name: string, input: object])[];
  readonly #asked = new Map<string, string>();

  /** @param calls What the model wants to call there, turn by turn; then it answers. */
  constructor(...calls: (readonly [name: string, input: object])[]) {
    this.#calls = calls;
  }

  readonly model = new OpenAIResponsesModel(
    new OpenAI({
      apiKey: "test",
      maxRetries: 0,
      fetch: async (_url, init) => this.#answer(await new Response(init?.body).text()),
    }),
    "gpt-test",
  );

  /** What the last request said to questions of the server. */
  get answers(): readonly Item[] {
    const { input } = this.bodies.at(-1) ?? { input: "" };
    return typeof input === "string" ? [] : input.filter(({ type }) => type === "mcp_approval_response");
  }

  /** The tools of the last request. */
  get tools(): readonly McpTool[] {
    return this.bodies.at(-1)?.tools ?? [];
  }

  #answer(text: string): Response {
    const body: Body = JSON.parse(text);
    const at = this.bodies.push(body) - 1;
    for (const { approve, approval_request_id: id = "" } of this.answers) {
      const name = this.#asked.get(id);
      if (approve === true && name !== undefined) this.ran.push(name);
      this.#asked.delete(id);
    }
    const response = {
      id: `resp${at}`,
      object: "response",
      status: "completed",
      output: [this.#output(at)],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    };
    if (body.stream !== true) return Response.json(response);
    const event = { type: "response.completed", sequence_number: 0, response };
    return new Response(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  }

  #output(at: number): object {
    const call = this.#calls.shift();
    if (call === undefined) {
      const content = [{ type: "output_text", text: "done", annotations: [] }];
      return { type: "message", id: `m${at}`, role: "assistant", status: "completed", content };
    }
    const [name, input] = call;
    const item = { id: `r${at}`, name, server_label: "shop", arguments: JSON.stringify(input) };
    const [tool] = this.tools;
    if (tool === undefined || !runsUnasked(tool, name)) {
      this.#asked.set(item.id, name);
      return { type: "mcp_approval_request", ...item };
    }
    this.ran.push(name);
    return { type: "mcp_call", ...item, output: "ok" };
  }
}

function runsUnasked({ require_approval: approval }: McpTool, name: string): boolean {
  if (typeof approval === "string") return approval === "never";
  return approval?.never?.tool_names.includes(name) === true;
}
