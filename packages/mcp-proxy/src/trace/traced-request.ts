import { AsyncLocalStorage } from "node:async_hooks";

import type { Decision } from "@agentplane/core";

import { NoAnswer, versionOf, type Connection } from "../connection/connection.ts";
import { rewritten, type Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { CODES, idOf } from "../frame/rpc.ts";
import type { CallSpan, SpanAttributes, TraceCarrier } from "../connection/call-tracer.ts";

/** Whatever is done because of a request belongs to its span. */
const running = new AsyncLocalStorage<CallSpan>();

type Answering = (frame: Frame) => Promise<Frame | undefined>;

/** Answers a request inside of a span of its own, where the options have a tracer. */
export function traced(connection: Connection, frame: Frame, act: Answering): Promise<Frame | undefined> {
  const { tracer } = connection.options;
  // Nothing is decided of a ping, and it comes again and again.
  if (tracer === undefined || frame.message["method"] === "ping") return act(frame);
  const span = tracer.start({ ...described(connection, frame), parent: cameWith(connection, frame.message) });
  return running.run(span, () => span.run(() => untilAnswered(span, act(carrying(frame, span)))));
}

async function untilAnswered(
  span: CallSpan,
  answering: Promise<Frame | undefined>,
): Promise<Frame | undefined> {
  try {
    const answer = await answering;
    const code = recordOf(answer?.message["error"])?.["code"];
    if (typeof code === "number") span.say({ "rpc.response.status_code": String(code) });
    span.end(answer === undefined ? "cancelled" : errorIn(answer));
    return answer;
  } catch (error) {
    const isNoAnswer = error instanceof NoAnswer;
    if (isNoAnswer && error.isCancelled) span.end("cancelled");
    else span.end(String(isNoAnswer ? CODES.unavailable : CODES.internal));
    throw error;
  }
}

/** As OpenTelemetry's conventions for MCP name it: the code of an error; `tool_error` for a result that says it is one. */
function errorIn({ message }: Frame): string | undefined {
  const error = recordOf(message["error"]);
  if (error !== undefined) return String(error["code"]);
  return recordOf(message["result"])?.["isError"] === true ? "tool_error" : undefined;
}

/** Tells the span of the request that is being answered what was decided. */
export function tellDecision(decision: Decision): void {
  const span = running.getStore();
  if (span === undefined) return;
  const { id, verdict, effect, cause, policyId, policyVersion, ruleId, modes } = decision;
  span.say({
    "agentplane.decision.id": id,
    "agentplane.policy.decision": effect,
    "agentplane.policy.verdict": verdict,
    "agentplane.policy.cause": cause,
    ...(policyId !== undefined && { "agentplane.policy.id": policyId }),
    ...(policyVersion !== undefined && { "agentplane.policy.version": policyVersion }),
    ...(ruleId !== undefined && { "agentplane.policy.rule": ruleId }),
    ...(modes.length > 0 && { "agentplane.policy.degradation": modes.join(",") }),
  });
}

/** W3C Trace Context, "traceparent": https://www.w3.org/TR/trace-context-1/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/** @returns The trace that a request belongs to, for its record: its span's, else the one that its sender names. */
export function traceOf(connection: Connection, message: JsonRecord): { readonly traceId?: string } {
  const traceId = running.getStore()?.traceId ?? sentTraceId(connection, message);
  return traceId === undefined ? NO_TRACE : { traceId };
}

function sentTraceId(connection: Connection, message: JsonRecord): string | undefined {
  const { traceparent } = cameWith(connection, message);
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}

const NO_TRACE = Object.freeze({});

/** @returns The headers with the context of the span in the place of one that came. */
export function tracedHeaders(headers: Record<string, string>): Record<string, string> {
  const span = running.getStore();
  if (span === undefined || headers["traceparent"] === undefined) return headers;
  return { ...headers, ...span.carrier };
}

/** The message's own context; where it has none, that of the request that carried it. */
function cameWith({ carriedBy }: Connection, message: JsonRecord): TraceCarrier {
  const meta = recordOf(recordOf(message["params"])?.["_meta"]);
  return meta !== undefined && typeof meta["traceparent"] === "string"
    ? carrierIn(meta)
    : carrierIn(carriedBy());
}

function carrierIn({ traceparent, tracestate, baggage }: JsonRecord): TraceCarrier {
  if (typeof traceparent !== "string") return NO_TRACE;
  return {
    traceparent,
    ...(typeof tracestate === "string" && { tracestate }),
    ...(typeof baggage === "string" && { baggage }),
  };
}

/** The request as it goes on: the server's span becomes a child of ours, where the client wants it to have a parent. */
function carrying(frame: Frame, { carrier, isAlwaysCarried }: CallSpan): Frame {
  const params = frame.message["params"] ?? {};
  const meta = recordOf(params)?.["_meta"] ?? {};
  if (recordOf(params) === undefined || recordOf(meta) === undefined) return frame;
  if (!isAlwaysCarried && recordOf(meta)?.["traceparent"] === undefined) return frame;
  const changes = (["traceparent", "tracestate"] as const).flatMap((name) => {
    const value = carrier[name];
    return value === undefined ? [] : [{ path: ["params", "_meta", name], value }];
  });
  return changes.length === 0 ? frame : rewritten(frame, changes);
}

/** What a client says may be as long as a message; a span is kept many times over. */
function shortOf(value: unknown): string | undefined {
  return textOf(value)?.slice(0, 256);
}

/** Methods whose `params.name` is that of a prompt. */
const PROMPT = "prompts/get";
const TOOL = "tools/call";

function described(
  connection: Connection,
  frame: Frame,
): { readonly name: string; readonly attributes: SpanAttributes } {
  const { message } = frame;
  const method = shortOf(message["method"]) ?? "";
  const params = recordOf(message["params"]);
  const name = method === TOOL || method === PROMPT ? shortOf(params?.["name"]) : undefined;
  const uri = method.startsWith("resources/") ? shortOf(params?.["uri"]) : undefined;
  const version = versionOf(connection, frame);
  return {
    name: name === undefined ? method : `${method} ${name}`,
    attributes: {
      "mcp.method.name": method,
      "jsonrpc.request.id": String(idOf(message)),
      "gen_ai.agent.id": connection.options.identity.agent,
      ...(method === TOOL && { "gen_ai.operation.name": "execute_tool" }),
      ...(name !== undefined && { [method === TOOL ? "gen_ai.tool.name" : "gen_ai.prompt.name"]: name }),
      ...(uri !== undefined && { "mcp.resource.uri": uri }),
      ...(version !== undefined && { "mcp.protocol.version": version }),
    },
  };
}
