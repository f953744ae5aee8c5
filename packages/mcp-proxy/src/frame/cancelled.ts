import type { Frame } from "./frame.ts";
import { recordOf } from "./json.ts";
import type { RpcId } from "./rpc.ts";

/** @returns The id of the request that a message cancels; undefined for any other message. */
export function cancelledId({ message }: Frame): RpcId | undefined {
  if (message["method"] !== "notifications/cancelled") return undefined;
  const id = recordOf(message["params"])?.["requestId"];
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
