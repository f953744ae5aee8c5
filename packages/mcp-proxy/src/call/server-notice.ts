import { cancelledId } from "../frame/cancelled.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { LONGEST_NAME, resourceName } from "../judge/target-name.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import { acknowledged } from "./subscription.ts";
import { judgedNotice, type Shown, type Speaker } from "./judged-notice.ts";

const UPDATED = "notifications/resources/updated";

/** Takes what a server says unasked. */
export function takeServerNotice(connection: Connection, frame: Frame): void {
  const { answering, ofClient } = connection;
  const id = cancelledId(frame);
  if (id !== undefined) {
    const isOpen = answering.server.giveUp(id);
    const wasAsked = ofClient.fail(id, new NoAnswer("cancelled by the server", true));
    // What the client was not asked yet it is not asked now, and has nothing to hear of.
    if (isOpen && !wasAsked) return;
  }
  passNotice(connection, frame);
}

/**
 * Passes what a server says unasked, as rules left it: redacted, or withheld where they would withhold a result that says so.
 */
function passNotice(connection: Connection, frame: Frame): void {
  const { running, lasting } = connection;
  const speaker: Speaker = { name: "server", running, tasks: lasting.tasks };
  const words = judgedNotice(connection, frame, speaker);
  const { method, params } = frame.message;
  const uri = method === UPDATED ? textOf(recordOf(params)?.["uri"]) : undefined;
  const shown = uri === undefined ? words : ofReadable(connection, uri, words);
  const give = (one: Shown): void => {
    if (one === undefined) return;
    connection.peers.toClient(one);
    acknowledged(connection, one);
  };
  if (shown instanceof Promise) connection.inTurn(async () => give(await shown));
  else connection.inTurn(() => give(shown));
}

/** Who may not read a resource does not hear of its changes either. */
async function ofReadable(
  connection: Connection,
  uri: string,
  words: Shown | Promise<Shown>,
): Promise<Shown> {
  const { acting, options } = connection;
  try {
    const target = {
      name: await resourceName(connection, uri.slice(0, LONGEST_NAME)),
      server: options.server,
    };
    const { effect } = await options.plane.guard.peek({
      hookpoint: "before_resource_read",
      ...acting,
      target,
    });
    return effect === "block" ? undefined : await words;
  } catch (error) {
    connection.log(`a ${UPDATED} of the server's was withheld: ${String(error)}`);
    return undefined;
  }
}
