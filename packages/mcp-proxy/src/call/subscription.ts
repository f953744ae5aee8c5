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
  if (id !== undefined && wanted?.["toolsListChanged"] === true) listening.add(id);
  try {
    return await judgedInSession(connection, await connection.askServer(frame));
  } finally {
    if (id !== undefined) listening.delete(id);
  }
}
