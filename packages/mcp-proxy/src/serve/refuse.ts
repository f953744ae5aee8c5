import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

import { CODES, errorFrame } from "../frame/rpc.ts";

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
