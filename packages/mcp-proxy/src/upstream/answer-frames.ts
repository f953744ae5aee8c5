import { setTimeout as wait } from "node:timers/promises";
import type { IncomingMessage } from "node:http";

import { isModern } from "../connection/connection.ts";
import { readFrames, type Frame } from "../frame/frame.ts";
import { idOf, type RpcId } from "../frame/rpc.ts";
import { inPlaceOf, problemText, refusalsOf, unread } from "../frame/unread.ts";
import type { Reading } from "./process-channel.ts";
import type { HttpRequests } from "./http-requests.ts";
import { readBody } from "../http/read-body.ts";
import { eventsOf, framesOf, isAnswer, isStream, isTooLong, messageOf, problemOf } from "./server-answer.ts";
import type { SseEvent } from "../http/sse-splitter.ts";

/** How answers are read. */
export interface AnswerReading extends Reading {
  readonly requests: HttpRequests;
  /** Tells the server of what is refused. */
  readonly tell: (refusal: Frame) => void;
}

/** There was an answer, but no message in it. */
export class NoMessage extends Error {
  override readonly name = "NoMessage";
}

/** How often in a row a stream is gone on with of which nothing more came. */
const MAX_EMPTY_TURNS = 5;
const DEFAULT_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * The messages of an answer to a request, to the one that answers it: of a body, or of a stream, which is gone on with
 * where it was cut if the server numbers its events.
 * @throws NoMessage when there is none
 */
export async function* answerFrames(
  reading: AnswerReading,
  answer: IncomingMessage,
  { request, signal }: { readonly request: Frame; readonly signal: AbortSignal },
): AsyncGenerator<Frame> {
  const id = idOf(request.message) ?? "";
  if (answer.statusCode !== 200 || !isStream(answer)) {
    yield* bodyFrames(reading, answer, request);
    return;
  }
  const place = new Place();
  let source = answer;
  let isAnswered = false;
  /* oxlint-disable no-await-in-loop -- one stream goes on where the one before was cut */
  while (place.emptyTurns <= MAX_EMPTY_TURNS) {
    for await (const frame of streamFrames(reading, source, { place, awaited: [id] })) {
      isAnswered ||= isAnswer(frame, id);
      yield frame;
    }
    if (isAnswered) return;
    // A stream of 2026-07-28 that was cut cannot be gone on with.
    if (place.lastEventId === undefined || isModern(request)) break;
    await place.turn(signal);
    source = await reading.requests.get(place.lastEventId, signal);
    if (isStream(source) && source.statusCode === 200) continue;
    source.resume();
    throw new NoMessage(problemOf(source));
  }
  /* oxlint-enable no-await-in-loop */
  throw new NoMessage("the server's stream ended without an answer");
}

/** Where in a stream of events reading has come to. */
export class Place {
  lastEventId: string | undefined;
  /** How often in a row nothing came. */
  emptyTurns = 0;
  #retryMs = DEFAULT_RETRY_MS;

  passed({ id, retryMs }: SseEvent): void {
    this.emptyTurns = 0;
    if (id !== undefined && id !== "") this.lastEventId = id;
    if (retryMs !== undefined) this.#retryMs = retryMs;
  }

  /** Waits as long as the server wants clients to, and longer where nothing comes. */
  async turn(signal: AbortSignal): Promise<void> {
    const waitMs = Math.min(this.#retryMs * 2 ** this.emptyTurns++, LONGEST_RETRY_MS);
    await wait(waitMs, undefined, { signal, ref: false });
  }
}

/** What is read of a stream. */
interface StreamReading {
  readonly place: Place;
  /** What the stream answers. */
  readonly awaited: readonly RpcId[];
}

/** The messages of a stream until it ends, however it ends; for an answer that is refused, an error in its place. */
export async function* streamFrames(
  { maxFrameBytes, log, tell }: AnswerReading,
  source: IncomingMessage,
  { place, awaited }: StreamReading,
): AsyncGenerator<Frame> {
  try {
    for await (const event of eventsOf(source, maxFrameBytes)) {
      place.passed(event);
      if (event.data === undefined || event.data.length === 0) continue;
      if (event.type !== "message") {
        log("an event that is no message was dropped");
        continue;
      }
      const frames = readFrames(event.data);
      if (!("problem" in frames)) {
        yield* frames;
        continue;
      }
      const refused = unread(frames.problem, event.data);
      log(`the server sent a message that is refused: ${problemText(refused)}`);
      for (const refusal of refusalsOf(refused)) tell(refusal);
      yield* inPlaceOf(refused, awaited);
    }
  } catch (error) {
    if (isTooLong(error)) throw error;
    log(`the server's stream was cut: ${messageOf(error)}`);
  }
}

async function* bodyFrames(
  { maxFrameBytes }: Reading,
  answer: IncomingMessage,
  request: Frame,
): AsyncGenerator<Frame> {
  const id = idOf(request.message) ?? "";
  const body = await readBody(answer, maxFrameBytes);
  if (body === undefined) {
    answer.destroy();
    throw new NoMessage("the server's answer is too long");
  }
  const frames = framesOf(body, id, answer.statusCode !== 200);
  yield* frames;
  if (!frames.some((frame) => isAnswer(frame, id))) throw new NoMessage(problemOf(answer));
}
