import { AgentplaneError, type Admission, type Denied } from "@agentplane/core";

import { isEventStream } from "./governed-answer.ts";
import { admittedBody, type ModelRequest } from "./model-request.ts";
import type { NativeRequest } from "../http/native-request.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { decidedLater, judgeProposed } from "./proposed-calls.ts";
import type { ProposedCall, StreamDialect } from "../protocol/dialect.ts";
import { answerWith, ProviderError } from "../http/provider-error.ts";
import { noteRemoteCalls } from "./remote-calls.ts";
import { errorBody, refusalOfError, type Refusal } from "../call/refusal.ts";
import { ATOM_CODEC, type Atom } from "../stream/atom.ts";
import { AtomReader } from "../stream/read-atoms.ts";
import { encodeFrame, readFrames } from "../stream/sse-frames.ts";
import { AtomWriter } from "../stream/write-atoms.ts";
import { askingForUsage, orWithoutUsage } from "./usage-asked.ts";

/** A model call whose answer comes event by event. */
export interface StreamedCall {
  readonly request: ModelRequest;
  readonly native: NativeRequest;
  readonly stream: StreamDialect;
  readonly isJudgingCalls: boolean;
  /** The call of an agent that it carries out: limits have counted that one. */
  readonly countedBy: Admission | undefined;
}

/**
 * Sends the call when the plane lets it; its answer begins as soon as the provider's does.
 * @returns The denial while it is not let go on; else what the client gets.
 * @throws ProviderError, or whatever `fetch` threw, as rules left its text
 */
export async function governedStream(plane: GovernedPlane, call: StreamedCall): Promise<Response | Denied> {
  const { request, native, stream } = call;
  const asked = askingForUsage(stream, request.body, native.url);
  const isUsageAdded = asked !== request.body;
  const reader = new AtomReader(stream, isUsageAdded);
  const opened = createOpening();
  const atoms = await plane.guard.modelStream<Atom>({
    context: request.context,
    countedBy: call.countedBy,
    async run(admission) {
      const signal = anySignal(native.signal, admission.signal);
      const isTrimmed = request.isTrimmed || isUsageAdded;
      const json = admittedBody({ ...request, body: asked, isTrimmed }, admission);
      const given = await native.send({ json, signal });
      const bare = (): Promise<Response> => native.send({ json: admittedBody(request, admission), signal });
      const response = isUsageAdded ? await orWithoutUsage(given, native.url, bare) : given;
      if (!response.ok || response.body === null) throw await ProviderError.from(response, native);
      // Read as a stream it would have no events, and pass unread.
      if (!isEventStream(response)) {
        throw new AgentplaneError(
          "content_refused",
          "The answer was withheld: a stream was asked for, and something else came.",
        );
      }
      opened.resolve(response);
      return atomsOf(reader, response.body);
    },
    codec: ATOM_CODEC,
  });
  if ("status" in atoms) return atoms;
  const iterator = atoms[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch((error: unknown) => opened.reject(error));
  const response = await opened.promise;
  const writer = new AtomWriter(stream, isUsageAdded);
  const bytes = bytesOf(plane, call, { first, iterator, reader, writer });
  return answerWith(response, readable(bytes, iterator));
}

/** A signal for as long as anyone reads: nothing here knows when a stream was left behind. */
function anySignal(own: AbortSignal | undefined, cut: unknown): AbortSignal {
  // Planes with ports of their own may bring another kind of signal: those cannot end a request, only its result.
  const signals = [own, cut].filter((signal): signal is AbortSignal => signal instanceof AbortSignal);
  return AbortSignal.any(signals);
}

interface Opening {
  readonly promise: Promise<Response>;
  resolve(response: Response): void;
  reject(error: unknown): void;
}

/** Settles with the provider's answer, or with what went wrong before there was one. */
function createOpening(): Opening {
  let settle: Omit<Opening, "promise"> | undefined;
  const promise = new Promise<Response>((resolve, reject) => (settle = { resolve, reject }));
  // A failure after the opening is told by the stream.
  promise.catch(() => undefined);
  return { promise, ...settle! };
}

async function* atomsOf(reader: AtomReader, body: ReadableStream<Uint8Array>): AsyncGenerator<Atom> {
  for await (const frame of readFrames(body)) yield* reader.take(frame);
}

interface Reading {
  readonly first: Promise<IteratorResult<Atom, unknown>>;
  readonly iterator: AsyncIterator<Atom, unknown>;
  readonly reader: AtomReader;
  readonly writer: AtomWriter;
}

/** The bytes for the client. A block in the middle is an error event, as the API would send one. */
async function* bytesOf(
  plane: GovernedPlane,
  call: StreamedCall,
  { first, iterator, reader, writer }: Reading,
): AsyncGenerator<Uint8Array> {
  const isLater = decidedLater(plane, call.request.identity.agent, call.request.offered);
  const judged = (): readonly ProposedCall[] =>
    call.isJudgingCalls ? reader.calls.filter((proposed) => !isLater(proposed)) : [];
  const held: Uint8Array[] = [];
  let isHolding = false;
  try {
    // oxlint-disable-next-line no-await-in-loop -- a stream is read one chunk after the other
    for (let next = await first; next.done !== true; next = await iterator.next()) {
      const bytes = writer.take(next.value);
      // From the first call that nobody judges later, everything waits until all calls are known.
      isHolding ||= judged().length > 0;
      if (isHolding) held.push(...bytes);
      else yield* bytes;
    }
    const { identity } = call.request;
    noteRemoteCalls(plane, identity, { calls: reader.calls.filter(isRemote), as: "asked" });
    noteRemoteCalls(plane, identity, { calls: writer.calls.filter(isRemote), as: "shown" });
    const refusal = await judgeProposed(plane, call.request.identity, judged());
    if (refusal === undefined) yield* held;
    else yield errorEvent(refusal, call);
  } catch (error) {
    if (!(error instanceof AgentplaneError)) throw error;
    yield errorEvent(refusalOfError(error), call);
  }
}

function isRemote(call: ProposedCall): boolean {
  return call.isRemote === true;
}

function errorEvent(refusal: Refusal, { request: { dialect }, stream }: StreamedCall): Uint8Array {
  const isAnthropic = dialect.provider === "anthropic";
  const body = errorBody(refusal, isAnthropic);
  return encodeFrame(stream.isNamed ? ["event: error"] : [], JSON.stringify(body));
}

/** A body that is read as fast as the client reads it, and whose end ends the call. */
function readable(
  bytes: AsyncGenerator<Uint8Array>,
  source: AsyncIterator<Atom, unknown>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await bytes.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        // A generator that was not begun ends without ending what it reads.
        await bytes.return(undefined);
        await source.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
