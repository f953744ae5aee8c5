import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { idOf, type RpcId } from "../frame/rpc.ts";
import type { Connection, ListName, Subscription } from "../connection/connection.ts";
import { judgedInSession } from "../judge/judged-answer.ts";

const WANTED: readonly (readonly [member: string, list: ListName])[] = [
  ["toolsListChanged", "tools"],
  ["resourcesListChanged", "resources"],
  ["promptsListChanged", "prompts"],
];

/** A `subscriptions/listen`: a modern client hears of changed lists only where it asked to, and until that is answered. */
export async function subscription(connection: Connection, frame: Frame): Promise<Frame> {
  const { listening } = connection;
  const wanted = recordOf(recordOf(frame.message["params"])?.["notifications"]);
  const lists = WANTED.filter(([member]) => wanted?.[member] === true).map(([, list]) => list);
  const id = idOf(frame.message);
  if (id !== undefined && lists.length > 0) listening.set(id, { lists, state: "asked" });
  try {
    return await judgedInSession(connection, await connection.askServer(frame));
  } finally {
    if (id !== undefined) listening.delete(id);
  }
}

const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

/** Tells the client which of its lists may have changed; a subscription that was not acknowledged yet, when it is. */
export function tellChanged(connection: Connection): void {
  // Before it has begun a client expects nothing, and knows no list.
  if (connection.initialize !== undefined)
    for (const list of connection.lists) connection.tellClient(changed(list));
  for (const [id, subscribed] of connection.listening) {
    if (subscribed.state === "acknowledged") tell(connection, id, subscribed);
    else connection.listening.set(id, { ...subscribed, state: "changed" });
  }
}

/** The acknowledgement of a subscription has passed: what waited for it may follow. */
export function acknowledged(connection: Connection, { message }: Frame): void {
  if (message["method"] !== ACKNOWLEDGED) return;
  const id = recordOf(recordOf(message["params"])?.["_meta"])?.[SUBSCRIPTION];
  if (typeof id !== "string" && typeof id !== "number") return;
  const subscribed = connection.listening.get(id);
  if (subscribed === undefined) return;
  connection.listening.set(id, { ...subscribed, state: "acknowledged" });
  if (subscribed.state === "changed") tell(connection, id, subscribed);
}

function tell(connection: Connection, id: RpcId, { lists }: Subscription): void {
  for (const list of lists) connection.tellClient(changed(list), { _meta: { [SUBSCRIPTION]: id } });
}

function changed(list: ListName): string {
  return `notifications/${list}/list_changed`;
}
