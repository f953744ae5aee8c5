import type { ResultCodec } from "@agentplane/core";

import { hasInexactNumber, rewritten, type Change, type Frame } from "../frame/frame.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";

/** What of a result is no content: it says how to handle it. */
const HANDLING = new Set(["resultType", "nextCursor", "ttlMs", "cacheScope", "isError", "requestState"]);

/** An error that the other side answered with; its words are judged like any error's. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly data?: unknown;

  constructor({ message, data }: { readonly message: string; readonly data?: unknown }) {
    super(message);
    if (data !== undefined) this.data = data;
  }
}

/**
 * @returns The response.
 * @throws RpcFailure when it is an error
 */
export function succeeded(response: Frame): Frame {
  const error = recordOf(response.message["error"]);
  if (error === undefined) return response;
  const { message, data } = error;
  throw new RpcFailure({ message: typeof message === "string" ? message : "the server failed", data });
}

/** The error response with the words that rules left. */
export function withErrorText(response: Frame, shown: Error): Frame {
  const error = recordOf(response.message["error"]) ?? {};
  return rewritten(response, [{ path: ["error"], value: { code: error["code"], message: shown.message } }]);
}

/** Reads and rewrites the content of a response: only members in which something changed are written anew. */
export const RESPONSE: ResultCodec<Frame> = {
  read: ({ message }) => contentOf(recordOf(message["result"]) ?? {}),
  write: (frame, content) =>
    rewrittenContent(frame, "result", {
      before: contentOf(recordOf(frame.message["result"]) ?? {}),
      after: recordOf(content) ?? {},
    }),
};

/**
 * The message with the content that rules left: members in which nothing changed stay as they are.
 * @throws RangeError where a changed member holds a number that cannot be repeated
 */
export function rewrittenContent(
  frame: Frame,
  where: "result" | "error" | "params",
  { before, after }: { readonly before: JsonRecord; readonly after: JsonRecord },
): Frame {
  const changes: Change[] = Object.keys(before)
    .filter((member) => JSON.stringify(before[member]) !== JSON.stringify(after[member]))
    .map((member) => ({ path: [where, member], value: after[member] ?? null }));
  // A number that cannot be repeated would be another one: the message is withheld rather than wrong.
  if (changes.some(({ path }) => hasInexactNumber(frame, path))) {
    throw new RangeError("a redacted part of the message holds a number that cannot be repeated exactly");
  }
  return changes.length === 0 ? frame : rewritten(frame, changes);
}

/** Whether there is any text in a value. */
export function hasWords(value: unknown): boolean {
  if (typeof value === "string") return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasWords);
}

/** What of a result is content. */
export function contentOf(result: JsonRecord): JsonRecord {
  const names = Object.keys(result);
  if (!names.some((member) => HANDLING.has(member))) return result;
  return Object.fromEntries(
    names.filter((member) => !HANDLING.has(member)).map((member) => [member, result[member]]),
  );
}
