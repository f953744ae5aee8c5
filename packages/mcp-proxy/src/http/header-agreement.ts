import type { IncomingHttpHeaders } from "node:http";

import { isModern } from "../connection/connection.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";

/** The code of 2026-07-28 for headers that say something else than the body. */
export const HEADER_MISMATCH = -32020;

/** Where a method says in its parameters what `Mcp-Name` repeats. */
const NAMED: Readonly<Record<string, "name" | "uri" | "taskId" | undefined>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};
/** The methods whose requests must have the header; where another's has one it is compared all the same. */
const REQUIRED = new Set(["tools/call", "prompts/get", "resources/read"]);
/** A value that a header cannot carry as it is. */
const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const VERSION = "io.modelcontextprotocol/protocolVersion";

/**
 * Compares the headers of a request with its body: who decides by the one and who acts by the other must see the same.
 * @returns What does not agree.
 */
export function headerMismatch(headers: IncomingHttpHeaders, frame: Frame): string | undefined {
  const must = isModern(frame);
  const params = recordOf(frame.message["params"]);
  const version = textOf(recordOf(params?.["_meta"])?.[VERSION]);
  const method = textOf(frame.message["method"]) ?? "";
  const name = nameOf(frame);
  const isNameMissing = must && REQUIRED.has(method) && headers["mcp-name"] === undefined;
  if (must && headers["mcp-protocol-version"] !== version) return "MCP-Protocol-Version";
  if (disagrees(headers["mcp-method"], method, must)) return "Mcp-Method";
  if (isNameMissing || disagrees(headers["mcp-name"], name, false)) return "Mcp-Name";
  return undefined;
}

function disagrees(header: string | string[] | undefined, value: string | undefined, must: boolean): boolean {
  if (header === undefined) return must;
  return value === undefined || decoded(String(header)) !== value;
}

/** What `Mcp-Name` says of a message; undefined where it says nothing. */
function nameOf({ message }: Frame): string | undefined {
  const member = NAMED[textOf(message["method"]) ?? ""];
  return member === undefined ? undefined : textOf(recordOf(message["params"])?.[member]);
}

/** The headers that a modern message of our own needs beside those of the client's request that it is asked for. */
export function headersFor(frame: Frame): Record<string, string> {
  const name = nameOf(frame);
  return {
    "mcp-method": textOf(frame.message["method"]) ?? "",
    ...(name !== undefined && { "mcp-name": encoded(name) }),
  };
}

/** A value as a header has carried it; undefined for what is no text. */
export function decoded(value: string): string | undefined {
  const inner = ENCODED.exec(value)?.[1];
  if (inner === undefined) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(inner, "base64"));
  } catch {
    // No text: it agrees with nothing.
    return undefined;
  }
}

/** A value as a header can carry it. */
export function encoded(value: string): string {
  const isPlain = PLAIN.test(value) && !ENCODED.test(value);
  return isPlain ? value : `=?base64?${Buffer.from(value).toString("base64")}?=`;
}
