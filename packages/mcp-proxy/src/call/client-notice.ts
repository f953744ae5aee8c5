import type { Decision } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import type { Connection } from "./connection.ts";
import { judgedNotice, type Shown, type Speaker } from "./judged-notice.ts";
import { agentState, isStopped } from "./stopped.ts";

/**
 * Passes what a client says unasked, as rules left it, in its place before the requests that follow. A session that has not
 * begun has nothing to tell the server, and nothing of a stopped agent reaches it.
 */
export function tellServer(connection: Connection, frame: Frame): void {
  const said = `a ${String(frame.message["method"])} of the client's was`;
  if (connection.lasting.session === undefined)
    return connection.log(`${said} dropped: the session has not begun`);
  const tell = (state: Decision): void => (isStopped(state) ? undefined : passJudged(connection, frame));
  const withhold = (error: unknown): void => connection.log(`${said} withheld: ${String(error)}`);
  try {
    const state = agentState(connection);
    if (state instanceof Promise) void state.then(tell).catch(withhold);
    else tell(state);
  } catch (error) {
    withhold(error);
  }
}

/** That the client gives up may be told, whoever was stopped; why, as rules left it. */
export function tellCancelled(connection: Connection, frame: Frame): void {
  if (connection.lasting.session !== undefined) passJudged(connection, frame);
}

function passJudged(connection: Connection, frame: Frame): void {
  const { lasting, runningAtClient: running, peers } = connection;
  const speaker: Speaker = { name: "client", running, tasks: lasting.clientTasks };
  const give = (shown: Shown): void => (shown === undefined ? undefined : peers.toServer(shown));
  const shown = judgedNotice(connection, frame, speaker);
  if (shown instanceof Promise) void shown.then(give);
  else give(shown);
}
