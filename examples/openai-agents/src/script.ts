import {
  Usage,
  type AgentOutputItem,
  type Model,
  type ModelRequest,
  type ModelResponse,
  type StreamEvent,
} from "@openai/agents";

/** What the model says, turn by turn, so that the example needs no key. */
const TURNS: readonly AgentOutputItem[] = [
  call("c1", "transfer_to_billing", {}),
  call("c2", "refund", { order: "A-17", amount: 40 }),
  say("Your order A-17 was refunded."),
];

/** A model on this machine that plays the turns. */
export class ScriptedModel implements Model {
  readonly model = "script";
  #turn = 0;

  async getResponse({ tools, handoffs }: ModelRequest): Promise<ModelResponse> {
    if (this.#turn === 0) {
      const offered = [...tools.map(({ name }) => name), ...handoffs.map(({ toolName }) => toolName)];
      console.log(`triage is offered: ${offered.join(", ")}`);
    }
    const item = TURNS[this.#turn++] ?? say("Nothing more.");
    return {
      output: [item],
      usage: new Usage({ requests: 1, inputTokens: 30, outputTokens: 10, totalTokens: 40 }),
    };
  }

  getStreamedResponse(): AsyncIterable<StreamEvent> {
    throw new Error("this example does not stream");
  }
}

function call(callId: string, name: string, input: object): AgentOutputItem {
  return { type: "function_call", callId, name, status: "completed", arguments: JSON.stringify(input) };
}

function say(text: string): AgentOutputItem {
  return {
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text }],
  };
}
