import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { idOf } from "../frame/rpc.ts";
import type { Connection } from "./connection.ts";
import { judgedInSession } from "./judged-answer.ts";

/** A `subscriptions/listen`: a modern client hears of changed lists only where it asked to, and until that is answered. */
export async function subscription(connection: Connection, frame: Frame): Promise<Frame> {
  const { listening } = connection;
  const wanted = recordOf(recordOf(frame.message["params"])?.["notifications"]);
  const id = idOf(frame.message);
  if (id !== undefined && wanted?.["toolsListChanged"] === true) listening.set(id, "asked");
  try {
    return await judgedInSession(connection, await connection.askServer(frame));
  } finally {
    if (id !== undefined) listening.delete(id);
  }
}

const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const CHANGED = "notifications/tools/list_changed";
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

/** Tells each subscription that the tools have changed; one that was not acknowledged yet, when it is. */
export function tellSubscriptions(connection: Connection): void {
  for (const [id, state] of connection.listening) {
    if (state === "acknowledged") connection.tellClient(CHANGED, { _meta: { [SUBSCRIPTION]: id } });
    else connection.listening.set(id, "changed");
  }
}

/** The acknowledgement of a subscription has passed: what waited for it may follow. */
export function acknowledged(connection: Connection, { message }: Frame): void {
  if (message["method"] !== ACKNOWLEDGED) return;
  const id = recordOf(recordOf(message["params"])?.["_meta"])?.[SUBSCRIPTION];
  if (typeof id !== "string" && typeof id !== "number") return;
  const state = connection.listening.get(id);
  if (state === undefined) return;
  connection.listening.set(id, "acknowledged");
  if (state === "changed") connection.tellClient(CHANGED, { _meta: { [SUBSCRIPTION]: id } });
}
