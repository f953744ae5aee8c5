import type { GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf, resultFrame } from "../frame/rpc.ts";
import { traceOf } from "../trace/traced-request.ts";
import { isModern, type Connection } from "../connection/connection.ts";
import { contentOf } from "../judge/handling.ts";
import { rewrittenContent, type Judged } from "../judge/rewritten-content.ts";

/**
 * What a client answers to questions of the server's, as since 2026-07-28 within its next request: each answer is judged
 * where the answer to such a request would be, after the model, the person or the roots have given it.
 * @returns The request with what rules left of the answers; a refusal where one of them must not go on.
 */
export async function judgeInputResponses(
  connection: Connection,
  request: Frame,
): Promise<{ readonly frame: Frame } | { readonly refusal: Frame }> {
  const carried = recordOf(request.message["params"])?.["inputResponses"];
  if (carried === undefined) return { frame: request };
  const answers = recordOf(carried);
  if (answers === undefined) return { refusal: unreadable(request) };
  let frame = request;
  for (const [key, value] of Object.entries(answers)) {
    const given = recordOf(value);
    // What cannot be read must not go on unread.
    if (given === undefined) return { refusal: unreadable(request) };
    const inner = resultWithin(given);
    const before = contentOf(inner ?? given);
    const call = callOf(connection, { request, result: inner ?? given });
    // oxlint-disable-next-line no-await-in-loop -- in order: one that is withheld ends it
    const shown = await connection.options.plane.guard.preview(call, before);
    if (shown === undefined) return { refusal: withheld(connection, request) };
    const path = ["params", "inputResponses", key, ...(inner === undefined ? [] : ["result"])];
    const next = rewrittenExactly(frame, path, { before, after: shown.value });
    if (next === undefined) return { refusal: withheld(connection, request) };
    frame = next;
  }
  return { frame };
}

/** @returns Undefined where a number in what was changed cannot be repeated. */
function rewrittenExactly(frame: Frame, path: readonly string[], judged: Judged): Frame | undefined {
  try {
    return rewrittenContent(frame, path, judged);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const OF_A_RESPONSE = new Set(["jsonrpc", "id", "result"]);

/** A client may answer with the result alone, or with the response that holds it, and nothing beside it. */
function resultWithin(given: JsonRecord): JsonRecord | undefined {
  return Object.keys(given).every((member) => OF_A_RESPONSE.has(member))
    ? recordOf(given["result"])
    : undefined;
}

function unreadable(request: Frame): Frame {
  const message = "inputResponses must be an object of one object for each question";
  return errorFrame(idOf(request.message) ?? "", { code: CODES.invalidParams, message });
}

/** Which call an answer is of: its shape says so. One of no known shape is judged as part of the session. */
function callOf(
  connection: Connection,
  { request, result }: { readonly request: Frame; readonly result: JsonRecord },
): GuardInit {
  const { acting, options } = connection;
  const { server } = options;
  const who = { ...acting, ...traceOf(connection, request.message) };
  if ("role" in result || "model" in result) {
    const model = { name: textOf(result["model"])?.slice(0, 512) ?? "client" };
    return { hookpoint: "before_model_call", ...who, origin: "mcp-sampling", model };
  }
  if ("roots" in result)
    return { hookpoint: "before_resource_read", ...who, target: { name: "roots/list", server } };
  if ("action" in result)
    return { hookpoint: "before_elicitation", ...who, target: { name: server, server } };
  return { hookpoint: "before_agent", ...who };
}

function withheld({ options }: Connection, request: Frame): Frame {
  const id = idOf(request.message) ?? "";
  const text = "An answer that this request carries must not go on to the server.";
  if (request.message["method"] !== "tools/call" || options.denyAs === "error")
    return errorFrame(id, { code: CODES.blocked, message: text });
  const content = [{ type: "text", text }];
  return resultFrame(id, { content, isError: true, ...(isModern(request) && { resultType: "complete" }) });
}
