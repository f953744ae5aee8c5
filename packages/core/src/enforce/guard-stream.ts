import { AgentplaneError } from "../base/errors.ts";
import type { Usage } from "../base/model-costs.ts";
import type { StreamDuties } from "../decision/decision-point.ts";
import { createTextStreamRedactor, type TextStreamRedactor } from "../context/redact-stream.ts";
import type { GuardedContext } from "./acting-context.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { completeCall, resultDuties } from "./complete.ts";
import { openSource, untilCut } from "./cut-source.ts";
import { suspendCall } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";

/** How core reads and writes the text inside a framework's chunks. */
export interface StreamCodec<Chunk> {
  /** @returns The text a chunk carries and the part it continues (text, reasoning, one tool call's arguments). */
  read(chunk: Chunk): { readonly part: string; readonly text: string } | undefined;
  /** @returns The same chunk with other text; ids, usage and metadata kept. */
  write(chunk: Chunk, text: string): Chunk;
  /** The part that a chunk without text ends, `all` for the end of the message: its held text leaves before it. */
  ends?(chunk: Chunk): string | undefined;
  /** Tokens reported by a chunk; the last report wins. */
  usage?(chunk: Chunk): Usage | undefined;
}

/** A streaming model call to govern. */
export interface StreamCall<Chunk> {
  /** The context or, better, its description: what cannot be read is then denied and recorded. */
  readonly context: GuardedContext;
  readonly run: (admitted: Admission) => AsyncIterable<Chunk> | Promise<AsyncIterable<Chunk>>;
  readonly codec: StreamCodec<Chunk>;
  readonly isControlFlow?: (error: unknown) => boolean;
}

/**
 * Runs an admitted stream: text is held back until no rule can still find anything in it, a kill cuts it, and what was
 * produced is settled however it ends.
 */
export function guardStream<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  call: StreamCall<Chunk>,
): AsyncIterable<Chunk> {
  let isRead = false;
  return {
    [Symbol.asyncIterator]() {
      // A second reading would be a second call of the provider under one decision.
      if (isRead)
        throw new AgentplaneError(
          "usage_invalid",
          "a governed stream is one call and is read once; call again",
        );
      isRead = true;
      return releasedUnread(core, admission, streamChunks(core, admission, call));
    },
  };
}

/** A generator that is closed before it was read runs none of its own clean-up: the call never started. */
function releasedUnread<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  chunks: AsyncGenerator<Chunk, void, undefined>,
): AsyncIterator<Chunk, void, undefined> {
  let hasStarted = false;
  return {
    next() {
      hasStarted = true;
      return chunks.next();
    },
    async return() {
      if (!hasStarted && core.live.remove(admission)) {
        await core.point.finish(admission.decision.id, { status: "released" });
      }
      return chunks.return();
    },
  };
}

async function* streamChunks<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  call: StreamCall<Chunk>,
): AsyncGenerator<Chunk, void, undefined> {
  const duties = streamDuties(core, admission);
  const progress = createProgress<Chunk>(core, duties);
  let isEnded = false;
  try {
    const cut = new Promise<"cut">((resolve) => admission.onCut(() => resolve("cut")));
    const source = await openSource(core, admission, { run: call.run, cut });
    for await (const chunk of untilCut(core, admission, { source, cut })) {
      for (const ready of progress.take(chunk, call.codec)) yield ready;
    }
    isEnded = true;
    const content = await endStream(core, admission, progress);
    for (const ready of progress.flush(call.codec, content)) yield ready;
  } catch (error) {
    if (isEnded) throw error;
    isEnded = true;
    if (call.isControlFlow?.(error) === true) {
      await suspendCall(core, admission);
      throw error;
    }
    await failStream(core, admission, { progress, error });
  } finally {
    // The consumer went away in the middle: what was produced is still charged.
    if (!isEnded) await endStream(core, admission, progress);
  }
}

/** A customer's hook after the call may change or refuse all of it, so it must see all of it first. */
function streamDuties(core: GuardCore, { context, decision }: LiveAdmission): StreamDuties {
  const duties = core.point.streamDuties(context);
  // Imposed by a rule's answer at the admission: how long its findings are is not known, so the whole is needed.
  const imposed = resultDuties(decision).filter((duty) => !duties.redact.includes(duty));
  const isWhole = imposed.length > 0 || core.hooks.hasAfter(context);
  return isWhole ? { redact: [...duties.redact, ...imposed], holdBack: "whole", exposedTo: [] } : duties;
}

/** What a stream was made of: one text, or texts by part. */
type StreamContent = Readonly<Record<string, string>> | string;

interface Progress<Chunk> {
  /** Takes a chunk in; gives what may leave now. */
  take(chunk: Chunk, codec: StreamCodec<Chunk>): readonly Chunk[];
  /** Gives the rest, once the whole was judged. */
  flush(codec: StreamCodec<Chunk>, judged: StreamContent): readonly Chunk[];
  /** What was produced, by part. */
  content(): StreamContent;
  usage(admission: LiveAdmission): Usage | undefined;
  readonly hasStarted: boolean;
}

function createProgress<Chunk>(core: GuardCore, duties: StreamDuties): Progress<Chunk> {
  const redactors = new Map<string, TextStreamRedactor>();
  const produced = new Map<string, string>();
  const lastOf = new Map<string, Chunk>();
  const buffered: Chunk[] = [];
  let reported: Usage | undefined;
  let hasStarted = false;
  const { holdBack } = duties;
  const isWhole = holdBack === "whole";
  const redactorOf = (part: string): TextStreamRedactor => {
    const known = redactors.get(part);
    if (known !== undefined) return known;
    const deps = { scanner: core.scanner, hash: core.ports.hash, channel: "model_output" } as const;
    // A buffered stream is judged before anything leaves, so each part is then redacted as a whole.
    const created = createTextStreamRedactor(
      duties.redact,
      holdBack === "whole" ? Number.MAX_SAFE_INTEGER : holdBack,
      deps,
    );
    redactors.set(part, created);
    return created;
  };
  const restOf = (codec: StreamCodec<Chunk>, ended: string): readonly Chunk[] => {
    const ready: Chunk[] = [];
    for (const [part, redactor] of redactors) {
      if (ended !== "all" && ended !== part) continue;
      redactors.delete(part);
      const rest = redactor.flush();
      const last = lastOf.get(part);
      if (rest !== "" && last !== undefined) ready.push(codec.write(last, rest));
    }
    return ready;
  };
  const release = (chunk: Chunk, codec: StreamCodec<Chunk>): readonly Chunk[] => {
    const found = codec.read(chunk);
    if (found === undefined) {
      const ended = codec.ends?.(chunk);
      return ended === undefined ? [chunk] : [...restOf(codec, ended), chunk];
    }
    lastOf.set(found.part, chunk);
    const text = redactorOf(found.part).push(found.text);
    return [text === found.text ? chunk : codec.write(chunk, text)];
  };
  return {
    take(chunk, codec) {
      hasStarted = true;
      const found = codec.read(chunk);
      if (found !== undefined) produced.set(found.part, (produced.get(found.part) ?? "") + found.text);
      reported = codec.usage?.(chunk) ?? reported;
      if (!isWhole) return release(chunk, codec);
      buffered.push(chunk);
      return [];
    },
    flush(codec, judged) {
      // Buffered: each part leaves in its first chunk, as it was judged; the chunks around it keep their order.
      const shown = new Set<string>();
      const ready = buffered.map((chunk) => {
        const found = codec.read(chunk);
        if (found === undefined) return chunk;
        const text = shown.has(found.part) ? "" : textOf(judged, found.part);
        shown.add(found.part);
        return text === found.text ? chunk : codec.write(chunk, text);
      });
      return [...ready, ...restOf(codec, "all")];
    },
    content() {
      const parts = [...produced];
      return parts.length === 1 && parts[0] !== undefined ? parts[0][1] : Object.fromEntries(parts);
    },
    usage({ context }) {
      if (reported !== undefined || !hasStarted) return reported;
      const count = (text: string): number => core.tokenizer.countTokens(text, context.model ?? { name: "" });
      return {
        inputTokens: count(JSON.stringify(context.model?.messages ?? "")),
        outputTokens: [...produced.values()].reduce((sum, text) => sum + count(text), 0),
      };
    },
    get hasStarted() {
      return hasStarted;
    },
  };
}

/** Ends a stream that gave all it had, or whose consumer left; a withheld response throws. */
async function endStream<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  progress: Progress<Chunk>,
): Promise<StreamContent> {
  const outcome = await completeCall<StreamContent>(core, admission, {
    status: "ran",
    result: progress.content(),
    usage: progress.usage(admission),
  });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

function textOf(judged: StreamContent, part: string): string {
  return typeof judged === "string" ? judged : (judged[part] ?? "");
}

async function failStream<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  { progress, error }: { progress: Progress<Chunk>; error: unknown },
): Promise<never> {
  // A stream that failed before its first chunk used nothing; afterwards what came is charged.
  const usage = progress.hasStarted ? progress.usage(admission) : undefined;
  const outcome = await completeCall<never>(core, admission, { status: "failed", error, usage });
  throw outcome.status === "ran" ? error : outcome.error;
}
