import { recordOf } from "../frame/json.ts";
import type { Frame } from "../frame/frame.ts";
import { idOf } from "../frame/rpc.ts";
import type { Exchange } from "./exchange.ts";
import { requestHeaders, type HeaderRules } from "./forwarded-headers.ts";
import { headersFor } from "../http/header-agreement.ts";

/**
 * The headers under which a message goes on: the client's own for what the client sent, and such as agree with it for what
 * is asked because of that.
 */
export function upstreamHeaders(
  frame: Frame,
  exchange: Exchange | undefined,
  rules: HeaderRules,
): Record<string, string> {
  const headers = requestHeaders(exchange?.init.headers ?? {}, rules);
  const original = exchange?.init.frames.find((sent) => isSame(sent, frame));
  if (original?.raw === frame.raw) return headers;
  // A value that rules have taken out of the arguments must not go on in a header: those are made anew from what is left.
  if (original !== undefined && argumentsOf(original) === argumentsOf(frame)) return headers;
  const others = Object.entries(headers).filter(
    ([name]) => !name.startsWith("mcp-param-") && name !== "last-event-id",
  );
  return {
    ...Object.fromEntries(others),
    ...(original === undefined && { accept: "application/json, text/event-stream" }),
    ...(headers["mcp-method"] !== undefined && { ...headersFor(frame), ...rules.repeating(frame) }),
  };
}

function isSame(sent: Frame, frame: Frame): boolean {
  if (sent.raw === frame.raw) return true;
  const id = idOf(frame.message);
  return id !== undefined && idOf(sent.message) === id && sent.message["method"] === frame.message["method"];
}

function argumentsOf({ message }: Frame): string | undefined {
  return JSON.stringify(recordOf(message["params"])?.["arguments"]);
}
