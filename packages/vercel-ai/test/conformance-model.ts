import type { ScriptAgent, ScriptTurn, SeenModelCall } from "@agentplane/core/testing";
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";

/** Told of each time the provider is reached. */
export type OnCall = (seen: SeenModelCall, prompt: LanguageModelV4Prompt) => void;

/** A language model that plays the turns of a conformance script, one each time it is reached. */
export class ConformanceModel implements LanguageModelV4 {
  readonly specificationVersion = "v4";
  readonly provider = "script.chat";
  readonly modelId = "script-1";
  readonly supportedUrls = {};
  readonly #script: ScriptAgent;
  readonly #onCall: OnCall;
  #turn = 0;

  constructor(script: ScriptAgent, onCall: OnCall) {
    this.#script = script;
    this.#onCall = onCall;
  }

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const turn = this.#next(options);
    let text = "";
    for await (const piece of piecesOf(turn)) text += piece;
    const said: readonly LanguageModelV4Content[] = text === "" ? [] : [{ type: "text", text }];
    return {
      content: [...said, ...callsOf(turn)],
      finishReason: finishOf(turn),
      usage: usageOf(turn),
      warnings: [],
    };
  }

  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const parts = partsOf(this.#next(options));
    return {
      stream: new ReadableStream({
        async pull(controller) {
          const { done, value } = await parts.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await parts.return(undefined);
        },
      }),
    };
  }

  #next({ prompt, tools = [], maxOutputTokens }: LanguageModelV4CallOptions): ScriptTurn {
    this.#onCall(
      {
        agent: this.#script.agent,
        prompt: JSON.stringify(prompt),
        offered: tools.map(({ name }) => name),
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      },
      prompt,
    );
    return this.#script.turns[this.#turn++] ?? { text: ["done"] };
  }
}

async function* partsOf(turn: ScriptTurn): AsyncGenerator<LanguageModelV4StreamPart, void, undefined> {
  yield { type: "stream-start", warnings: [] };
  const id = "t1";
  let hasStarted = false;
  for await (const delta of piecesOf(turn)) {
    if (!hasStarted) yield { type: "text-start", id };
    hasStarted = true;
    yield { type: "text-delta", id, delta };
  }
  if (hasStarted) yield { type: "text-end", id };
  for (const call of callsOf(turn)) yield call;
  yield { type: "finish", finishReason: finishOf(turn), usage: usageOf(turn) };
}

async function* piecesOf({ text = [], beforePiece }: ScriptTurn): AsyncGenerator<string> {
  if (text.length === 0) await beforePiece?.(0);
  for (const [position, piece] of text.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
    await beforePiece?.(position);
    yield piece;
  }
}

function callsOf({ calls = [] }: ScriptTurn) {
  return calls.map(
    ({ id, tool, input }) =>
      ({ type: "tool-call", toolCallId: id, toolName: tool, input: JSON.stringify(input) }) as const,
  );
}

function finishOf({ calls = [] }: ScriptTurn) {
  return { unified: calls.length > 0 ? "tool-calls" : "stop", raw: undefined } as const;
}

function usageOf({ usage }: ScriptTurn): LanguageModelV4Usage {
  return {
    inputTokens: {
      total: usage?.inputTokens,
      noCache: undefined,
      cacheRead: usage?.cacheReadTokens,
      cacheWrite: usage?.cacheWriteTokens,
    },
    outputTokens: { total: usage?.outputTokens, text: undefined, reasoning: undefined },
  };
}
