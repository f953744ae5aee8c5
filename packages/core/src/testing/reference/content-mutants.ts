import type { JsonValue } from "../../base/json.ts";
import type { Mutant } from "./mutant.ts";
import { collect } from "./scripted-model.ts";
import type { ModelChunk, ReferenceSeams } from "./seams.ts";

/** Mistakes about what is executed and what is shown. */
export const CONTENT_MUTANTS: readonly Mutant[] = [
  {
    name: "shows-raw-results",
    mistake: "tells the model what the tool gave, not what Guard made of it",
    breaks: ["redact.plain", "redact.resume", "redact.observed"],
    create: () => ({ toolCall: showingRaw }),
  },
  {
    name: "shows-raw-errors",
    mistake: "tells the model the error the tool threw, not the one Guard threw",
    breaks: ["redact.retry"],
    create: () => ({ toolCall: throwingRaw }),
  },
  {
    name: "streams-raw-text",
    mistake: "hands the provider's pieces on as they come, and has them judged afterwards",
    breaks: ["redact.stream", "kill.stream"],
    create: () => ({ modelStream: judgedAfterwards }),
  },
  {
    name: "flushes-on-abort",
    mistake: "gives the caller what it still held back when the caller aborts",
    breaks: ["redact.aborted"],
    create: () => ({
      async modelStream(guard, guarded, facts) {
        const held: ModelChunk[] = [];
        const run: typeof guarded.run = async function (admitted) {
          return kept(await guarded.run(admitted), held);
        };
        const opened = await guard.modelStream({ ...guarded, run });
        return "status" in opened ? opened : flushing(opened, held, facts.signal);
      },
      isStopped: () => false,
    }),
  },
  {
    name: "executes-what-was-asked",
    mistake: "executes what the model wrote, not what was decided",
    breaks: ["rewrite.plain", "rewrite.retry", "rewrite.resume"],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        guard.toolCall({ ...guarded, run: () => facts.execute(facts.call.input) }),
    }),
  },
  {
    name: "executes-what-was-asked-on-streams",
    mistake: "executes what the model wrote when the run is streamed",
    breaks: ["rewrite.stream"],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        guard.toolCall(
          facts.isStreaming ? { ...guarded, run: () => facts.execute(facts.call.input) } : guarded,
        ),
    }),
  },
  {
    name: "fails-open",
    mistake: "makes a call that the plane could not even look at",
    breaks: ["fault.context"],
    create: () => ({
      contextOf: (init) =>
        init.tool === undefined || typeof init.tool === "string"
          ? init
          : { ...init, tool: { ...init.tool, input: {} } },
      toolCall: (guard, guarded, facts) =>
        guard.toolCall({ ...guarded, run: () => facts.execute(facts.call.input) }),
    }),
  },
  {
    name: "wraps-results",
    mistake: "writes its own words around every result",
    breaks: ["passthrough.plain", "passthrough.shadow"],
    create: () => ({
      async toolCall(guard, guarded) {
        const outcome = await guard.toolCall(guarded);
        return outcome.status === "ran"
          ? { status: "ran", result: { checked: true, result: outcome.result } }
          : outcome;
      },
    }),
  },
  {
    name: "wraps-errors",
    mistake: "writes its own words around every error",
    breaks: ["passthrough.error"],
    create: () => ({
      async toolCall(guard, guarded) {
        try {
          return await guard.toolCall(guarded);
        } catch (error) {
          throw new Error(`governed: ${String(error)}`, { cause: error });
        }
      },
    }),
  },
  {
    name: "joins-streams",
    mistake: "gives the whole text of a stream in one piece",
    breaks: ["passthrough.stream"],
    create: () => ({
      async modelStream(guard, guarded) {
        const opened = await guard.modelStream(guarded);
        return "status" in opened ? opened : joined(opened);
      },
    }),
  },
];

const showingRaw: ReferenceSeams["toolCall"] = async (guard, guarded) => {
  let raw: JsonValue = null;
  const run: typeof guarded.run = async (admitted) => {
    raw = await guarded.run(admitted);
    return raw;
  };
  const outcome = await guard.toolCall({ ...guarded, run });
  return outcome.status === "ran" ? { status: "ran", result: raw } : outcome;
};

const throwingRaw: ReferenceSeams["toolCall"] = async (guard, guarded) => {
  let raw: { readonly error: unknown } | undefined;
  const run: typeof guarded.run = async (admitted) => {
    try {
      return await guarded.run(admitted);
    } catch (error) {
      raw = { error };
      throw error;
    }
  };
  try {
    return await guard.toolCall({ ...guarded, run });
  } catch (error) {
    throw raw === undefined ? error : raw.error;
  }
};

const judgedAfterwards: ReferenceSeams["modelStream"] = async (guard, guarded, facts) => {
  const opened = await guard.modelStream({
    ...guarded,
    run: async function* (): AsyncGenerator<ModelChunk> {
      yield { kind: "end", calls: [] };
    },
  });
  if ("status" in opened) return opened;
  await collect(opened);
  return facts.stream();
};

async function* kept(chunks: AsyncIterable<ModelChunk>, held: ModelChunk[]): AsyncGenerator<ModelChunk> {
  for await (const chunk of chunks) {
    held.push(chunk);
    yield chunk;
  }
}

async function* flushing(
  chunks: AsyncIterable<ModelChunk>,
  held: readonly ModelChunk[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ModelChunk> {
  for await (const chunk of chunks) {
    if (signal?.aborted === true) {
      yield* held;
      return;
    }
    yield chunk;
  }
}

async function* joined(chunks: AsyncIterable<ModelChunk>): AsyncGenerator<ModelChunk> {
  const { text, calls, usage } = await collect(chunks);
  yield { kind: "text", text };
  yield { kind: "end", calls, usage };
}
