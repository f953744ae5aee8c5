import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";

/** A tool call a scripted model makes; ids are `call_<turn>_<position>` unless said otherwise. */
export interface TurnCall {
  readonly id?: string;
  readonly name: string;
  readonly input?: Readonly<Record<string, unknown>>;
}

/** One answer of a scripted model. */
export interface Turn {
  readonly text?: string;
  readonly reasoning?: string;
  readonly calls?: readonly TurnCall[];
  readonly error?: Error;
  /** Further content, after text and calls. */
  readonly content?: readonly LanguageModelV4Content[];
  /** Instead of all that, the parts of the stream as they are. */
  readonly parts?: readonly LanguageModelV4StreamPart[];
  readonly structuredOutputText?: string;
}

/** What every answer of a scripted model costs. */
export const USAGE: LanguageModelV4Usage = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 },
};

/** A model that plays turns, whole or as a stream in words, and remembers what it was asked. */
export class ScriptedModel implements LanguageModelV4 {
  readonly specificationVersion = "v4";
  readonly provider = "test.chat";
  readonly supportedUrls = {};
  readonly modelId: string;
  readonly requests: LanguageModelV4CallOptions[] = [];
  readonly #turns: Turn[];
  #count = 0;

  constructor(turns: readonly Turn[], modelId = "scripted") {
    this.#turns = [...turns];
    this.modelId = modelId;
  }

  /** Names of the tools it was offered, each time. */
  get offered(): readonly (readonly string[])[] {
    return this.requests.map(({ tools = [] }) => tools.map(({ name }) => name));
  }

  /** Everything it was told, as one text. */
  get told(): string {
    return JSON.stringify(this.requests.map(({ prompt }) => prompt));
  }

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const turn = this.#next(options);
    return {
      content: contentOf(turn, this.#count),
      finishReason: finishOf(turn),
      usage: USAGE,
      warnings: [],
      response: { body: { echo: turn } },
      ...(turn.structuredOutputText !== undefined && { structuredOutputText: turn.structuredOutputText }),
    };
  }

  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const turn = this.#next(options);
    const parts = turn.parts ?? partsOf(turn, this.#count, options.includeRawChunks === true);
    let next = 0;
    return {
      stream: new ReadableStream<LanguageModelV4StreamPart>({
        pull(controller) {
          const part = parts[next++];
          if (part === undefined) controller.close();
          else controller.enqueue(part);
        },
      }),
    };
  }

  #next(options: LanguageModelV4CallOptions): Turn {
    this.requests.push(options);
    this.#count += 1;
    const turn = this.#turns.shift() ?? { text: "done" };
    if (turn.error !== undefined) throw turn.error;
    return turn;
  }
}

function contentOf(turn: Turn, count: number): LanguageModelV4Content[] {
  return [
    ...(turn.reasoning === undefined ? [] : [{ type: "reasoning", text: turn.reasoning } as const]),
    ...(turn.text === undefined ? [] : [{ type: "text", text: turn.text } as const]),
    ...callsOf(turn, count),
    ...(turn.content ?? []),
  ];
}

function partsOf(turn: Turn, count: number, isRaw: boolean): readonly LanguageModelV4StreamPart[] {
  const parts: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings: [] }];
  const say = (kind: "text" | "reasoning", words: string | undefined): void => {
    if (words === undefined) return;
    parts.push({ type: `${kind}-start`, id: kind });
    for (const delta of words.split(/(?<= )/)) {
      if (isRaw) parts.push({ type: "raw", rawValue: { delta } });
      parts.push({ type: `${kind}-delta`, id: kind, delta });
    }
    parts.push({ type: `${kind}-end`, id: kind });
  };
  say("reasoning", turn.reasoning);
  say("text", turn.text);
  return [...parts, ...callsOf(turn, count), { type: "finish", finishReason: finishOf(turn), usage: USAGE }];
}

function callsOf({ calls = [] }: Turn, count: number) {
  return calls.map(
    ({ id, name, input = {} }, position) =>
      ({
        type: "tool-call",
        toolCallId: id ?? `call_${count}_${position}`,
        toolName: name,
        input: JSON.stringify(input),
      }) as const,
  );
}

function finishOf({ calls = [] }: Turn) {
  return { unified: calls.length > 0 ? "tool-calls" : "stop", raw: undefined } as const;
}
