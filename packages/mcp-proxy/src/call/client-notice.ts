import type { Decision } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import type { Connection } from "./connection.ts";
import { agentState, isStopped } from "./stopped.ts";

/**
 * Passes what a client says unasked, in its place before the requests that follow. A session that has not begun has nothing
 * to tell the server, and nothing of a stopped agent reaches it.
 */
export function tellServer(connection: Connection, frame: Frame): void {
  if (connection.lasting.session === undefined) return;
  const tell = (state: Decision): void => (isStopped(state) ? undefined : connection.peers.toServer(frame));
  const withhold = (error: unknown): void =>
    connection.log(`a ${String(frame.message["method"])} of the client's was withheld: ${String(error)}`);
  try {
    const state = agentState(connection);
    if (state instanceof Promise) void state.then(tell).catch(withhold);
    else tell(state);
  } catch (error) {
    withhold(error);
  }
}
