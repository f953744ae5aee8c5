import type { IncomingMessage } from "node:http";

import { readFrames, rewritten, type Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { idOf, kindOf, type RpcId } from "../frame/rpc.ts";
import { HEADER_MISMATCH } from "../http/header-agreement.ts";
import { SseSplitter, type SseEvent } from "../http/sse-splitter.ts";

/** With these a server says that it does not speak streamable HTTP (2025-11-25, transports, "Backwards Compatibility"). */
const NOT_STREAMABLE = new Set([400, 404, 405]);
/** Errors of 2026-07-28 that a server of the old transport cannot know. */
const MODERN_ERRORS = new Set<unknown>([HEADER_MISMATCH, -32021, -32022]);

/** Whether the answer to a request may be that of a server that speaks another transport. */
export function mayBeElsewhere({ message }: Frame, { statusCode = 0 }: IncomingMessage): boolean {
  return message["method"] === "initialize" && NOT_STREAMABLE.has(statusCode);
}

/** Whether an error is one that only a server of 2026-07-28 knows. */
export function isModernError({ message }: Frame): boolean {
  return MODERN_ERRORS.has(recordOf(message["error"])?.["code"]);
}

/** Whether a server answers with a stream of events. */
export function isStream({ headers }: IncomingMessage): boolean {
  return headers["content-type"]?.toLowerCase().startsWith("text/event-stream") === true;
}

/** Whether a message answers the request with this id. */
export function isAnswer(frame: Frame, id: RpcId | undefined): boolean {
  return kindOf(frame) === "response" && idOf(frame.message) === id;
}

/** The messages of a body; an error that names no request is that of the request that was answered with it. */
export function framesOf(body: Uint8Array, id: RpcId, isFailed: boolean): readonly Frame[] {
  const frames = readFrames(body);
  if ("problem" in frames) return [];
  return frames.map((frame) => (isFailed && isNameless(frame) ? named(frame, id) : frame));
}

/** The events of a stream, each once it is whole. @throws RangeError for one that is too long */
export async function* eventsOf(answer: IncomingMessage, maxFrameBytes: number): AsyncGenerator<SseEvent> {
  const splitter = new SseSplitter(maxFrameBytes);
  for await (const bytes of answer) {
    // A stream without encoding gives bytes.
    for (const event of splitter.push(bytes as Uint8Array)) {
      if ("isTooLong" in event) throw new RangeError("an event of the server's is too long");
      yield event;
    }
  }
}

/** Whether a stream has ended for an event that was too long. */
export function isTooLong(error: unknown): boolean {
  return error instanceof RangeError;
}

/** What is wrong with an answer that holds no message. */
export function problemOf({ statusCode = 0 }: IncomingMessage): string {
  if (statusCode >= 300 && statusCode < 400) return "the server redirects, which is not followed";
  if (statusCode === 401) return "the server wants other credentials";
  return `the server answered with HTTP ${statusCode} and no message`;
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function isNameless({ message }: Frame): boolean {
  return "error" in message && idOf(message) === undefined;
}

function named(frame: Frame, id: RpcId): Frame {
  return rewritten(frame, [{ path: ["id"], value: id }]);
}
