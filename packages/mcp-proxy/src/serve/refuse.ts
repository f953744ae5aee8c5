import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { problemText, refusalsOf, type Unread } from "../frame/unread.ts";

/** What a request that goes no further is told. */
export interface Refused {
  readonly status: number;
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly code?: number;
  readonly id?: string | number;
}

/** Answers a request that goes no further. */
export function refuse(response: ServerResponse, { status, message, headers, code, id }: Refused): void {
  if (response.headersSent) return void response.destroy();
  const body = errorFrame(id ?? null, { code: code ?? CODES.invalidRequest, message }).raw;
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": body.length,
  });
  response.end(body);
  if (!response.req.complete) dropRest(response.req);
}

/** The most that is read of a request after its answer, in bytes. */
const MAX_DROPPED = 64 * 1024 * 1024;

/**
 * Reads what is left of a request and keeps nothing: a connection that is closed before is reset, and a client that is still
 * writing loses the answer with it (RFC 9112, section 9.6). How long that may take the server's `requestTimeout` says.
 */
function dropRest(request: IncomingMessage): void {
  let dropped = 0;
  request.on("data", (bytes: Uint8Array) => {
    dropped += bytes.length;
    if (dropped > MAX_DROPPED) request.destroy();
  });
  request.resume();
}

/** What was posted and is refused: under the id of the request that it is, if it is one. */
export function refusalFor(refused: Unread): Refused {
  const { problem } = refused;
  const isUnreadable = problem === "not_json" || problem === "not_utf8";
  const [asked] = refused.glimpses.length === 1 ? refusalsOf(refused) : [];
  const id = asked && idOf(asked.message);
  return {
    status: 400,
    message: `the message was refused: ${problemText(refused)}`,
    code: isUnreadable ? CODES.parse : CODES.invalidRequest,
    ...(id !== undefined && { id }),
  };
}
