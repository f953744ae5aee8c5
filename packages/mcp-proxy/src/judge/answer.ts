import type { ResultCodec } from "@agentplane/core";

import { rewritten, type Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { contentOf } from "./handling.ts";
import { rewrittenContent } from "./rewritten-content.ts";

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
    rewrittenContent(frame, ["result"], {
      before: contentOf(recordOf(frame.message["result"]) ?? {}),
      after: recordOf(content) ?? {},
    }),
};
