import type { Mutant } from "./mutant.ts";
import type { ModelChunk } from "./seams.ts";

/** Mistakes about what is charged, held and written down. */
export const SETTLEMENT_MUTANTS: readonly Mutant[] = [
  {
    name: "drops-usage",
    mistake: "does not report what a model call used",
    breaks: ["budget.plain"],
    create: () => ({
      modelCall: (guard, guarded) => guard.modelCall({ ...guarded, usage: () => undefined }),
    }),
  },
  {
    name: "drops-usage-of-streams",
    mistake: "does not report what a streamed model call used",
    breaks: ["budget.stream"],
    create: () => ({
      modelStream: (guard, guarded) =>
        guard.modelStream({ ...guarded, codec: { ...guarded.codec, usage: () => undefined } }),
    }),
  },
  {
    name: "asks-for-more",
    mistake: "sends a model call as it was asked for: with the same prompt and the same limit of output",
    breaks: ["budget.clamp", "redact.prompt"],
    create: () => ({
      modelCall: (guard, guarded, facts) => guard.modelCall({ ...guarded, run: () => facts.ask() }),
    }),
  },
  {
    name: "admits-late",
    mistake: "asks for a model call after it was made",
    breaks: ["budget.parallel"],
    create: () => ({
      async modelCall(guard, guarded, facts) {
        const result = await facts.ask();
        return guard.modelCall({ ...guarded, run: () => result });
      },
    }),
  },
  {
    name: "forgets-failed-calls",
    mistake: "does not end the admission of a model call that failed",
    breaks: ["budget.retry"],
    create: () => ({
      async modelCall(guard, guarded, facts) {
        const admitted = await guard.admit(guarded.context);
        if (admitted.status !== "admitted") return admitted;
        const result = await facts.ask();
        return guard.complete(admitted, { status: "ran", result, usage: result.usage });
      },
    }),
  },
  {
    name: "never-completes",
    mistake: "does not end the admissions of its tool calls",
    breaks: ["audit.outcome"],
    create: () => ({
      async toolCall(guard, guarded, facts) {
        const admitted = await guard.admit(guarded.context);
        if (admitted.status !== "admitted") return admitted;
        return { status: "ran", result: await facts.execute(admitted.input) };
      },
    }),
  },
  {
    name: "abandons-streams",
    mistake: "turns away from a stream that is aborted, without closing it",
    breaks: ["budget.aborted"],
    create: () => ({
      async modelStream(guard, guarded, { signal }) {
        const opened = await guard.modelStream(guarded);
        return "status" in opened ? opened : leaving(opened, signal);
      },
    }),
  },
];

async function* leaving(
  chunks: AsyncIterable<ModelChunk>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ModelChunk> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a stream is read one chunk after the other
    const next = await iterator.next();
    if (next.done === true || signal?.aborted === true) return;
    yield next.value;
  }
}
