import type { IncomingMessage } from "node:http";

import type { Frame } from "../frame/frame.ts";
import { Place, streamFrames, type AnswerReading } from "./answer-frames.ts";
import { isStream, isTooLong, messageOf } from "./server-answer.ts";

/** Who hears it, and how long. */
export interface Listening {
  readonly signal: AbortSignal;
  readonly hear: (frame: Frame) => void;
}

/**
 * Hears what a server says unasked, on a `GET` stream; goes on where it was cut, with growing patience. Settles when the
 * server offers no stream.
 */
export async function listenUnasked(reading: AnswerReading, { signal, hear }: Listening): Promise<void> {
  const place = new Place();
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one stream after the other
    const answer = await opened(reading, place, signal);
    if (answer === "none") return;
    // oxlint-disable-next-line no-await-in-loop
    if (answer !== undefined) await heard(reading, answer, { place, hear });
    // oxlint-disable-next-line no-await-in-loop
    await place.turn(signal);
  }
}

async function heard(
  reading: AnswerReading,
  answer: IncomingMessage,
  { place, hear }: Pick<Listening, "hear"> & { readonly place: Place },
): Promise<void> {
  try {
    for await (const frame of streamFrames(reading, answer, { place, awaited: [] })) hear(frame);
  } catch (error) {
    if (!isTooLong(error)) throw error;
    reading.log(`the server's stream was cut: ${messageOf(error)}`);
    // Gone on with where it was, it would come to the same event again.
    place.lastEventId = undefined;
  }
}

async function opened(
  { requests, log }: AnswerReading,
  { lastEventId }: Place,
  signal: AbortSignal,
): Promise<IncomingMessage | "none" | undefined> {
  try {
    const answer = await requests.get(lastEventId, signal);
    if (answer.statusCode === 200 && isStream(answer)) return answer;
    answer.resume();
    // Many servers offer none; what they say in answers is heard all the same.
    return (answer.statusCode ?? 0) < 500 ? "none" : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    log(`the server was not reached: ${messageOf(error)}`);
    return undefined;
  }
}
