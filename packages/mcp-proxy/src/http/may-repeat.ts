import type { Frame } from "../frame/frame.ts";
import { kindOf } from "../frame/rpc.ts";

/** Requests that only read, and the one that begins: an error would tell nobody more than to ask again. */
const READS: ReadonlySet<unknown> = new Set([
  "initialize",
  "ping",
  "server/discover",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
  "prompts/get",
  "completion/complete",
]);

/** Whether the server may get a message twice, where nobody knows whether it got it. */
export function mayRepeat(frame: Frame): boolean {
  // An answer that comes twice answers once, and so it is with what is said unasked: lost, they would be missed for ever.
  return kindOf(frame) !== "request" || READS.has(frame.message["method"]);
}
