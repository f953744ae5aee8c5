import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

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
    // What is left of the request is not read.
    ...(!response.req.complete && { connection: "close" }),
    "content-type": "application/json",
    "content-length": body.length,
  });
  response.end(body);
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
