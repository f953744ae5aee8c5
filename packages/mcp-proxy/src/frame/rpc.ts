import { ownFrame, type Frame } from "./frame.ts";
import type { JsonRecord } from "./json.ts";

/** The id of a request; JSON-RPC allows texts and numbers, and tells `1` from `"1"`. */
export type RpcId = string | number;

/** Codes of JSON-RPC 2.0, and one of our own outside of the range that the specification keeps for itself. */
export const CODES = {
  parse: -32700,
  invalidRequest: -32600,
  invalidParams: -32602,
  internal: -32603,
  blocked: -31403,
  unavailable: -31503,
} as const;

/** What kind of message a frame is. */
export type Kind = "request" | "notification" | "response" | "unknown";

/** Tells what a message is by its members. */
export function kindOf({ message }: Frame): Kind {
  const isNamed = typeof message["method"] === "string";
  const hasId = idOf(message) !== undefined;
  if (isNamed) {
    // A careless reader would take it for the answer that it waits for.
    if (isSaid(message["result"]) || isSaid(message["error"])) return "unknown";
    return hasId ? "request" : "notification";
  }
  return hasId && ("result" in message || "error" in message) ? "response" : "unknown";
}

/** Careless writers put null where they leave something out. */
function isSaid(member: unknown): boolean {
  return member !== undefined && member !== null;
}

/** Whether what asks for no answer is named like that, as all of the protocol's are. */
export function isNotification({ message }: Frame): boolean {
  return typeof message["method"] === "string" && message["method"].startsWith("notifications/");
}

/** @returns The id, if it is one that JSON-RPC allows. */
export function idOf(message: JsonRecord): RpcId | undefined {
  const { id } = message;
  return typeof id === "string" || Number.isFinite(id) ? (id as RpcId) : undefined;
}

/** A key for maps: `1` and `"1"` are two ids. */
export function keyOf(id: RpcId): string {
  return JSON.stringify(id);
}

export function resultFrame(id: RpcId, result: unknown): Frame {
  return ownFrame({ jsonrpc: "2.0", id, result });
}

export function errorFrame(
  id: RpcId | null,
  error: { code: number; message: string; data?: unknown },
): Frame {
  return ownFrame({ jsonrpc: "2.0", id, error });
}

export function requestFrame(id: RpcId, method: string, params: JsonRecord): Frame {
  return ownFrame({ jsonrpc: "2.0", id, method, params });
}

export function notificationFrame(method: string, params?: JsonRecord): Frame {
  return ownFrame({ jsonrpc: "2.0", method, ...(params !== undefined && { params }) });
}
