import { answeredBy, inPlaceOf, problemText, refusalOf, refusalsOf, type Unread } from "../frame/unread.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";

/** A message of the client's that is refused: who asked is told, and a server that waits for it as an answer too. */
export function refuseOfClient(connection: Connection, refused: Unread): void {
  // What is an answer as well would be told of under the id of the other side's.
  const refusals = refused.problem === "not_a_message" ? [] : refusalsOf(refused);
  for (const refusal of refusals.length === 0 ? [refusalOf(refused.problem)] : refusals)
    connection.peers.toClient(refusal);
  failAnsweredBy(connection, refused);
}

/** The server's questions that such a message may have answered are over. */
export function failAnsweredBy({ ofClient }: Connection, refused: Unread): void {
  for (const id of answeredBy(refused, ofClient.open))
    ofClient.fail(id, new NoAnswer(`the client's answer was refused: ${problemText(refused)}`));
}

/** A message of the server's that is refused: a client that waits for it as an answer gets an error. */
export function refuseOfServer({ peers, ofServer, log }: Connection, refused: Unread): void {
  log(`the server sent a message that is refused: ${problemText(refused)}`);
  for (const refusal of refusalsOf(refused)) peers.toServer(refusal);
  for (const answer of inPlaceOf(refused, ofServer.open)) ofServer.settle(answer);
}
