import type { ScriptAgent, ScriptTurn, SeenModelCall } from "@agentplane/core/testing";
import { Usage, type Model, type ModelRequest, type ModelResponse, type StreamEvent } from "@openai/agents";

/** A model that plays the turns of a conformance script, one each time it is reached. */
export class ScriptModel implements Model {
  readonly model = "script-1";
  readonly #script: ScriptAgent;
  readonly #reached: (seen: SeenModelCall, request: ModelRequest) => void;
  #turn = 0;

  constructor(script: ScriptAgent, reached: (seen: SeenModelCall, request: ModelRequest) => void) {
    this.#script = script;
    this.#reached = reached;
  }

  async getResponse(request: ModelRequest): Promise<ModelResponse> {
    const turn = this.#next(request);
    let text = "";
    for await (const piece of pieces(turn)) text += piece;
    return { ...answerOf(turn, text, this.#id()), usage: usageOf(turn) };
  }

  async *getStreamedResponse(request: ModelRequest): AsyncGenerator<StreamEvent> {
    const turn = this.#next(request);
    yield { type: "response_started" };
    let text = "";
    for await (const piece of pieces(turn)) {
      request.signal?.throwIfAborted();
      text += piece;
      yield { type: "model", event: { type: "raw", delta: piece } };
      yield { type: "output_text_delta", delta: piece };
    }
    const { inputTokens, outputTokens, totalTokens } = usageOf(turn);
    const { output } = answerOf(turn, text, this.#id());
    const usage = { requests: 1, inputTokens, outputTokens, totalTokens };
    yield { type: "response_done", response: { id: this.#id(), usage, output } };
  }

  #next(request: ModelRequest): ScriptTurn {
    const { systemInstructions, input, tools, handoffs, modelSettings } = request;
    this.#reached(
      {
        agent: this.#script.agent,
        prompt: JSON.stringify({ systemInstructions, input }),
        offered: [...tools.map(({ name }) => name), ...handoffs.map(({ toolName }) => toolName)],
        ...(modelSettings.maxTokens !== undefined && { maxOutputTokens: modelSettings.maxTokens }),
      },
      request,
    );
    return this.#script.turns[this.#turn++] ?? { text: ["done"] };
  }

  #id(): string {
    return `${this.#script.agent}-${this.#turn}`;
  }
}

async function* pieces({ text = [], beforePiece }: ScriptTurn): AsyncGenerator<string> {
  if (text.length === 0) await beforePiece?.(0);
  for (const [position, piece] of text.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
    await beforePiece?.(position);
    yield piece;
  }
}

function answerOf({ calls = [] }: ScriptTurn, text: string, id: string) {
  const message = {
    type: "message" as const,
    id: `m-${id}`,
    role: "assistant" as const,
    status: "completed" as const,
    content: [{ type: "output_text" as const, text }],
  };
  return {
    output: [
      ...(text === "" && calls.length > 0 ? [] : [message]),
      ...calls.map(({ id: callId, tool, input }) => ({
        type: "function_call" as const,
        id: `f-${callId}`,
        callId,
        name: tool,
        status: "completed" as const,
        arguments: JSON.stringify(input),
      })),
    ],
  };
}

function usageOf({ usage }: ScriptTurn): Usage {
  const { inputTokens = 0, outputTokens = 0 } = usage ?? {};
  return new Usage({ requests: 1, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens });
}
