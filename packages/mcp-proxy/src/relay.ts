import { takeAnswer } from "./approval/input-required.ts";
import { beginSession, endSession } from "./call/agent-session.ts";
import type { Turns } from "./connection/batch-order.ts";
import { Connection, NoAnswer, type Peers } from "./connection/connection.ts";
import { handshake, isHandshake } from "./call/handshake.ts";
import { questionsDecided } from "./call/input-requests.ts";
import { judgeInputResponses } from "./call/input-responses.ts";
import { judgedInSession } from "./judge/judged-answer.ts";
import { filteredList, isList } from "./lists/list-filter.ts";
import { refuseOfClient, refuseOfServer } from "./call/refused-message.ts";
import { idInUse, reply } from "./call/reply.ts";
import { takeServerNotice } from "./call/server-notice.ts";
import { withWordsJudged } from "./call/request-words.ts";
import { serverRequest } from "./call/server-request.ts";
import { stopped } from "./call/stopped.ts";
import { subscription, tellChanged } from "./call/subscription.ts";
import { takeNotice } from "./call/client-notice.ts";
import { taskList } from "./call/task-list.ts";
import { isTargeted, targetCall } from "./call/target-call.ts";
import { toolCall } from "./call/tool-call.ts";
import { watchVisibleTools } from "./call/visible-changes.ts";
import { readFrames, type Frame } from "./frame/frame.ts";
import { recordOf, textOf } from "./frame/json.ts";
import { inOneLine } from "./frame/one-line.ts";
import { idOf, isNotification, kindOf, type RpcId } from "./frame/rpc.ts";
import { refusalOf, unread } from "./frame/unread.ts";
import { checkProxyOptions, type ProxyOptions } from "./connection/proxy-options.ts";
import { traced } from "./trace/traced-request.ts";

/** A proxy between one client and one server, whatever carries the messages. */
export interface Relay {
  /** Takes one message of the client's, or a batch. */
  fromClient(line: Uint8Array): void;
  /** Takes one message of the server's. */
  fromServer(line: Uint8Array): void;
  /**
   * Takes messages of the client's that were read already.
   * @returns Settles when those that ask for no answer have left or were dropped; undefined where they have.
   */
  takeClient(frames: readonly Frame[]): Promise<unknown> | undefined;
  /** Takes messages of the server's that were read already. */
  takeServer(frames: readonly Frame[]): void;
  /** Nobody waits for the answer to this request of the client's any more, and there will be none. */
  forget(id: RpcId): void;
  /** The server is gone: what it was asked is answered with an error. */
  serverGone(reason: string): void;
  /** The server was started anew: it is told again what the client said when it began. Settles when it knows. */
  serverBack(): Promise<void>;
  /** Settles when the end of the session was judged and recorded; what waits for an answer is told at once. */
  close(): Promise<void>;
}

/**
 * Puts a plane between an MCP client and server: calls, results, lists, prompts, resources, sampling and elicitation are
 * decided; everything else passes byte for byte, whatever revision of the protocol it is of.
 * @param peers Where messages leave to; each is one line, whatever it came as.
 * @throws ConfigError for options that would do nothing
 */
export function createRelay(options: ProxyOptions, peers: Peers): Relay {
  checkProxyOptions("createRelay", options);
  return relayOf(
    new Connection(options, {
      toClient: (frame) => peers.toClient(inOneLine(frame)),
      toServer: (frame) => peers.toServer(inOneLine(frame)),
    }),
  );
}

/** The relay of a connection whose options were checked. */
export function relayOf(connection: Connection): Relay {
  const stopWatching = watchVisibleTools(connection);
  return {
    fromClient: (line) => fromClient(connection, line),
    fromServer: (line) => fromServer(connection, line),
    takeClient: (frames) => takeClient(connection, frames),
    takeServer: (frames) => takeServer(connection, frames),
    forget(id) {
      connection.answering.client.giveUp(id);
      connection.ofServer.fail(id, new NoAnswer("nobody waits for the answer", true));
    },
    serverGone(reason) {
      connection.ofServer.failAll(new NoAnswer(reason));
      connection.dropQuestions();
    },
    async serverBack() {
      if (connection.initialize === undefined) return;
      await connection.query("initialize", connection.initialize);
      connection.tellServer("notifications/initialized");
      tellChanged(connection);
    },
    async close() {
      stopWatching();
      connection.close();
      if (connection.isWhole) await endSession(connection);
    },
  };
}

function fromClient(connection: Connection, line: Uint8Array): void {
  const frames = readFrames(line);
  if ("problem" in frames) return refuseOfClient(connection, unread(frames.problem, line));
  void takeClient(connection, frames);
}

function takeClient(connection: Connection, frames: readonly Frame[]): Promise<unknown> | undefined {
  const telling: (Promise<void> | undefined)[] = [];
  const turns = connection.batchOrder.turns(frames.length);
  for (const frame of frames) {
    switch (kindOf(frame)) {
      case "request":
        answer(connection, frame, turns);
        break;
      case "response":
        // A late answer, to a question nobody asked any more, is dropped: the server would not know it either.
        connection.ofClient.settle(frame);
        break;
      case "notification":
        telling.push(notificationOfClient(connection, frame));
        break;
      case "unknown":
        refuseOfClient(connection, unread("not_a_message", frame.raw));
        break;
      // no default: every kind is named above
    }
  }
  const leaving = telling.filter((one) => one !== undefined);
  return leaving.length === 0 ? undefined : Promise.all(leaving);
}

function fromServer(connection: Connection, line: Uint8Array): void {
  const frames = readFrames(line);
  if ("problem" in frames) return refuseOfServer(connection, unread(frames.problem, line));
  takeServer(connection, frames);
}

function takeServer(connection: Connection, frames: readonly Frame[]): void {
  for (const frame of frames) {
    switch (kindOf(frame)) {
      case "response":
        if (!connection.ofServer.settle(frame)) connection.log("the server answered what nobody waits for");
        break;
      case "request":
        serve(connection, frame);
        break;
      case "notification":
        notificationOfServer(connection, frame);
        break;
      case "unknown":
        refuseOfServer(connection, unread("not_a_message", frame.raw));
        break;
      // no default: every kind is named above
    }
  }
}

/** Answers a request of the client's, whatever goes wrong: a client that waits for ever is the worst answer. */
function answer(connection: Connection, frame: Frame, turns: Turns): void {
  const { peers, ofServer, answering, clientOrder } = connection;
  const id = idOf(frame.message);
  if (id === undefined) return;
  if (ofServer.has(id)) return peers.toClient(idInUse(id));
  reply(frame, answering.client, {
    act: () =>
      clientOrder.request(frame, () =>
        turns(id, () => traced(connection, frame, (own) => answered(connection, own))),
      ),
    send: (response) => connection.inTurn(() => peers.toClient(response)),
    drop: () => connection.onLessOwed(),
  });
}

/** Not asynchronous itself: most requests are calls in a session that has begun, and each step between costs them time. */
function answered(connection: Connection, frame: Frame): Promise<Frame | undefined> {
  // While it waited behind the beginning.
  if (connection.answering.client.isGivenUp(idOf(frame.message) ?? "")) return Promise.resolve(undefined);
  const method = textOf(frame.message["method"]) ?? "";
  const isPlain = recordOf(frame.message["params"])?.["inputResponses"] === undefined;
  return method === "ping" || (isPlain && connection.lasting.session !== undefined)
    ? withWordsJudged(connection, frame, { method, act: governed })
    : begun(connection, frame, method);
}

/** The first request of a session, or one that brings answers. */
async function begun(connection: Connection, given: Frame, method: string): Promise<Frame | undefined> {
  const taken = await takeAnswers(connection, given);
  if ("refusal" in taken) return taken.refusal;
  const { frame } = taken;
  const refusal =
    connection.lasting.session === undefined ? await beginSession(connection, frame) : undefined;
  return refusal ?? withWordsJudged(connection, frame, { method, act: governed });
}

function governed(connection: Connection, frame: Frame, method: string): Promise<Frame | undefined> {
  if (method === "tools/call") return toolCall(connection, frame);
  if (isTargeted(method)) return targetCall(connection, frame, method);
  return otherwise(connection, frame, method);
}

async function otherwise(connection: Connection, frame: Frame, method: string): Promise<Frame> {
  const stop = method === "ping" ? undefined : await stopped(connection, frame);
  if (stop !== undefined) return stop;
  return questionsDecided(connection, frame, await untargeted(connection, frame, method));
}

/** What aims at no single thing that rules could be about. */
async function untargeted(connection: Connection, frame: Frame, method: string): Promise<Frame> {
  if (isHandshake(method)) return handshake(connection, frame);
  if (method === "subscriptions/listen") return subscription(connection, frame);
  if (isList(method)) return filteredList(connection, frame, method);
  if (method === "tasks/list") return taskList(connection, frame);
  return judgedInSession(connection, await connection.askServer(frame));
}

/** A request that brings answers: ours is taken out of it, and what is the server's is judged. */
async function takeAnswers(
  connection: Connection,
  given: Frame,
): Promise<{ readonly frame: Frame } | { readonly refusal: Frame }> {
  const taken = await takeAnswer(connection, given);
  return "refusal" in taken ? taken : judgeInputResponses(connection, taken.frame);
}

/** Answers a request of the server's, while that is there: the one that follows has asked nothing. */
function serve(connection: Connection, frame: Frame): void {
  const { peers, answering } = connection;
  const { server: asked } = answering;
  const isThere = (): boolean => answering.server === asked;
  const act = (): Promise<Frame | undefined> =>
    traced(connection, frame, (own) => serverRequest(connection, own, isThere));
  reply(frame, asked, { act, send: (response) => (isThere() ? peers.toServer(response) : undefined) });
}

function notificationOfClient(connection: Connection, frame: Frame): Promise<void> | undefined {
  if (isNotification(frame)) return takeNotice(connection, frame);
  // A request without an id asks for no answer, but a careless server would do it all the same.
  connection.peers.toClient(refusalOf("a request has an id"));
  return undefined;
}

function notificationOfServer(connection: Connection, frame: Frame): void {
  if (!isNotification(frame)) return connection.log("the server sent a request without an id");
  takeServerNotice(connection, frame);
}
