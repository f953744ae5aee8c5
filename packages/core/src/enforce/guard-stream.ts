import type { StreamDuties } from "../decision/decision-point.ts";
import type { GuardedContext } from "./acting-context.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { completeCall, resultDuties } from "./complete.ts";
import { cutErrorOf, openSource, untilCut } from "./cut-source.ts";
import { readAside, releaseCall, suspendCall } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import { readOnce } from "./read-once.ts";
import type { StreamCodec } from "./stream-codec.ts";
import { createProgress, type StreamContent, type StreamProgress } from "./stream-progress.ts";

/** A streaming model call to govern. */
export interface StreamCall<Chunk> {
  /** The context or, better, its description: what cannot be read is then denied and recorded. */
  readonly context: GuardedContext;
  /** As of a `GuardedCall`. */
  readonly countedBy?: Admission | undefined;
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
  admission.alive++;
  return readOnce(core, {
    read: () => streamChunks(core, admission, call),
    cut: () => cutErrorOf(admission),
    leave: () => releaseCall(core, admission),
  });
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
    const content = await endStream(core, admission, progress, false);
    for (const ready of progress.flush(call.codec, content)) yield ready;
  } catch (error) {
    if (isEnded) throw error;
    isEnded = true;
    if (readAside(core, error, call.isControlFlow) === true) {
      await suspendCall(core, admission);
      throw error;
    }
    await failStream(core, admission, { progress, error });
  } finally {
    // The consumer went away in the middle: what was produced is still charged.
    if (!isEnded) await endStream(core, admission, progress, true);
  }
}

/** A customer's hook after the call may change or refuse all of it, so it must see all of it first. */
export function streamDuties(core: GuardCore, { context, decision }: Admission): StreamDuties {
  const duties = core.point.streamDuties(context);
  // Imposed by a rule's answer at the admission: how long its findings are is not known, so the whole is needed.
  const imposed = resultDuties(decision).filter((duty) => !duties.redact.includes(duty));
  const isWhole = imposed.length > 0 || core.hooks.hasAfter(context);
  return isWhole ? { redact: [...duties.redact, ...imposed], holdBack: "whole", exposedTo: [] } : duties;
}

/** Ends a stream that gave all it had, or whose consumer left; a withheld response throws. */
async function endStream<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  progress: StreamProgress<Chunk>,
  isCut: boolean,
): Promise<StreamContent> {
  const outcome = await completeCall<StreamContent>(core, admission, {
    status: "ran",
    result: progress.content(),
    usage: progress.usage(admission, isCut),
  });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

async function failStream<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  { progress, error }: { progress: StreamProgress<Chunk>; error: unknown },
): Promise<never> {
  const usage = progress.usage(admission, true);
  const outcome = await completeCall<never>(core, admission, { status: "failed", error, usage });
  throw outcome.status === "ran" ? error : outcome.error;
}
