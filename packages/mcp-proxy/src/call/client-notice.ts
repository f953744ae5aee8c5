import type { Decision } from "@agentplane/core";

import { cancelledId } from "../frame/cancelled.ts";
import type { Frame } from "../frame/frame.ts";
import type { RpcId } from "../frame/rpc.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import { judgedNotice, type Shown, type Speaker } from "./judged-notice.ts";
import { agentState, isStopped } from "./stopped.ts";

/**
 * Takes what a client says unasked, in its place behind the beginning of its session.
 * @returns Settles when it was dealt with, where rules take their time or the beginning does; it never rejects.
 */
export function takeNotice(connection: Connection, frame: Frame): Promise<void> | undefined {
  const { answering, clientOrder } = connection;
  const id = cancelledId(frame);
  // What has no answer yet is given up at once, also where it waits behind the beginning.
  if (id !== undefined && answering.client.has(id)) return tellCancelled(connection, frame, id);
  const act = (): Promise<void> | undefined =>
    id === undefined ? tellServer(connection, frame) : tellCancelled(connection, frame, id);
  const telling = clientOrder.notice(frame, act);
  if (telling !== false) return telling;
  connection.log(`a ${String(frame.message["method"])} of the client's was dropped: too many at once`);
  return undefined;
}

/**
 * Passes what a client says unasked, as rules left it, in its place before the requests that follow. A session that has not
 * begun has nothing to tell the server, and nothing of a stopped agent reaches it.
 * @returns When it has passed, where rules take their time; it never rejects.
 */
function tellServer(connection: Connection, frame: Frame): Promise<void> | undefined {
  const said = `a ${String(frame.message["method"])} of the client's was`;
  if (connection.lasting.session === undefined) {
    connection.log(`${said} dropped: the session has not begun`);
    return undefined;
  }
  const tell = (state: Decision): Promise<void> | undefined =>
    isStopped(state) ? undefined : passJudged(connection, frame);
  const withhold = (error: unknown): undefined => {
    connection.log(`${said} withheld: ${String(error)}`);
  };
  try {
    const state = agentState(connection);
    return state instanceof Promise ? state.then(tell).catch(withhold) : tell(state);
  } catch (error) {
    return withhold(error);
  }
}

/**
 * That the client gives up may be told, whoever was stopped; why, as rules left it. It ends our waiting as well: the server
 * need not answer.
 */
function tellCancelled(connection: Connection, frame: Frame, id: RpcId): Promise<void> | undefined {
  const { answering, lasting, ofServer } = connection;
  // What the server was not asked yet it is not asked now, and has nothing to hear of.
  if (answering.client.giveUp(id) && !ofServer.has(id)) return undefined;
  const telling = lasting.session === undefined ? undefined : passJudged(connection, frame);
  ofServer.fail(id, new NoAnswer("cancelled by the client", true));
  return telling;
}

function passJudged(connection: Connection, frame: Frame): Promise<void> | undefined {
  const { lasting, runningAtClient: running, peers } = connection;
  const speaker: Speaker = { name: "client", running, tasks: lasting.clientTasks };
  const give = (shown: Shown): void => (shown === undefined ? undefined : peers.toServer(shown));
  const shown = judgedNotice(connection, frame, speaker);
  if (shown instanceof Promise) return shown.then(give);
  give(shown);
  return undefined;
}
