import type { Admission, GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { idOf, notificationFrame, requestFrame, type RpcId } from "../frame/rpc.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import { BatchOrder } from "./batch-order.ts";
import { ClientOrder } from "./client-order.ts";
import { Lasting } from "./lasting.ts";
import { OpenRequests } from "./open-requests.ts";
import { PendingRequests } from "./pending-requests.ts";

/** Where messages leave to. */
export interface Peers {
  toClient(frame: Frame): void;
  toServer(frame: Frame): void;
}

/** The part of a description that says who acts. */
type Acting = Pick<GuardInit, "agent" | "tenant" | "user" | "session" | "tags">;

/** A call that the other side works at, as it was admitted and as it came. */
export interface RunningCall {
  readonly admission: Admission;
  readonly frame: Frame;
}

/** What policies may hide parts of. */
export const LIST_NAMES = ["tools", "resources", "prompts"] as const;
export type ListName = (typeof LIST_NAMES)[number];

/** What a modern client wants to hear of. */
export interface Subscription {
  readonly lists: readonly ListName[];
  /** Whether the server has acknowledged it, which comes first, and whether something has changed before that. */
  readonly state: "asked" | "changed" | "acknowledged";
}

/** There will be no answer: the server is gone, or the client has cancelled. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly isCancelled: boolean;

  constructor(message: string, isCancelled = false) {
    super(message);
    this.isCancelled = isCancelled;
  }
}

/** One client and one server, and what was learnt of them. */
export class Connection {
  readonly options: ProxyOptions;
  readonly peers: Peers;
  readonly acting: Acting;
  /** What the server was asked. */
  readonly ofServer = new PendingRequests();
  /** What the client was asked. */
  readonly ofClient = new PendingRequests();
  /**
   * What the client has asked and the server, and has no answer yet, from when it came. A server that is started anew has
   * others.
   */
  readonly answering = { client: new OpenRequests(), server: new OpenRequests() };
  /** The calls that run at the server. */
  readonly running = new Set<RunningCall>();
  /** What the client works at for the server: its model, or its user. */
  readonly runningAtClient = new Set<RunningCall>();
  /** What the client can do, from its `initialize`; a modern client says so in each request. */
  clientCapabilities: JsonRecord = {};
  /** What the client said when it began, to be said again to a server that was started anew. */
  initialize: JsonRecord | undefined;
  readonly clientOrder = new ClientOrder();
  readonly batchOrder = new BatchOrder();
  /** The lists that the server has, of those that policies filter. */
  readonly lists = new Set<ListName>(["tools"]);
  /** Each `subscriptions/listen` of a modern client that wants to hear of changed lists, while it is open. */
  readonly listening = new Map<RpcId, Subscription>();
  /** The version of the protocol that `initialize` has agreed on. */
  version: string | undefined;
  /** Where a trace context lies that came beside the message that is being taken: headers of HTTP. */
  carriedBy: () => JsonRecord = () => NO_HEADERS;
  /** Also where it is taken out of the connection. */
  readonly log = (line: string): void => this.options.log?.(line);
  readonly lasting: Lasting;
  /** Whether nothing outlives it: its session ends with it. */
  readonly isWhole: boolean;
  /** Hears that something was settled without a word to the client, or has left after others. */
  onLessOwed: () => void = () => undefined;
  readonly #callPrefix: string;
  #hasClientLeft = false;
  #isClosed = false;
  /** Settles when what is to reach the client first has left; undefined when it has. */
  #turn: Promise<void> | undefined;

  /**
   * @param lasting What several connections of one client have in common: there each has call ids of its own, since the
   *   client counts them anew. Default: nothing.
   */
  constructor(options: ProxyOptions, peers: Peers, lasting?: Lasting) {
    this.options = options;
    this.peers = peers;
    this.isWhole = lasting === undefined;
    this.lasting = lasting ?? new Lasting();
    this.#callPrefix = lasting === undefined ? "" : `${crypto.randomUUID()}:`;
    const { agent, tenant, user, session = `mcp-${crypto.randomUUID()}`, tags } = options.identity;
    this.acting = {
      agent,
      session,
      ...(tenant !== undefined && { tenant }),
      ...(user !== undefined && { user }),
      ...(tags !== undefined && { tags }),
    };
  }

  /** Whether the client has all that it waits for; a subscription is answered when it ends. */
  get owesNothing(): boolean {
    return this.answering.client.size <= this.listening.size && this.#turn === undefined;
  }

  /** Whether a client listens under this id. */
  isListening(id: unknown): boolean {
    return (typeof id === "string" || typeof id === "number") && this.listening.has(id);
  }

  /** How the plane knows a request of the client's from others. */
  callIdOf(id: RpcId): string {
    return `${this.#callPrefix}${typeof id}:${id}`;
  }

  /** Sends a request of the client's on; its id stays. One that was given up while rules were thinking is not asked. */
  askServer(frame: Frame): Promise<Frame> {
    const id = idOf(frame.message);
    if (id === undefined) throw new TypeError("a request has an id");
    if (this.#isClosed || this.answering.client.isGivenUp(id)) return Promise.reject(givenUp());
    const answer = this.ofServer.wait(id);
    this.peers.toServer(frame);
    this.batchOrder.decided(id);
    return answer;
  }

  /** The client answers nothing any more: who waits for it is told, and who would ask it as well. */
  clientLeft(): void {
    this.#hasClientLeft = true;
    this.ofClient.failAll(new NoAnswer(LEFT));
  }

  /** Nobody waits for what the client was asked by a server that is gone: the next one must not be told it instead. */
  dropQuestions(): void {
    const { server: asked } = this.answering;
    // What rules still think about reaches nobody, and its id is free.
    this.answering.server = new OpenRequests();
    const reason = "the server is gone";
    for (const requestId of asked) {
      if (this.ofClient.fail(requestId, new NoAnswer(reason, true)))
        this.tellClient("notifications/cancelled", { requestId, reason });
    }
  }

  /** Nobody is asked any more: there would be no way for the answers. */
  close(): void {
    this.#isClosed = true;
    this.ofServer.failAll(new NoAnswer(CLOSED, true));
    this.ofClient.failAll(new NoAnswer(CLOSED, true));
  }

  /** Sends a request of the server's on; its id stays. */
  askClient(frame: Frame): Promise<Frame> {
    if (this.#hasClientLeft) return Promise.reject(new NoAnswer(LEFT));
    const id = idOf(frame.message);
    if (id === undefined) throw new TypeError("a request has an id");
    if (this.#isClosed || this.answering.server.isGivenUp(id)) return Promise.reject(givenUp());
    const answer = this.ofClient.wait(id);
    this.peers.toClient(frame);
    return answer;
  }

  /** Asks the server something of our own. */
  query(method: string, params: JsonRecord): Promise<Frame> {
    return this.askServer(requestFrame(this.ofServer.nextId(), method, params));
  }

  tellClient(method: string, params?: JsonRecord): void {
    this.peers.toClient(notificationFrame(method, params));
  }

  tellServer(method: string, params?: JsonRecord): void {
    this.peers.toServer(notificationFrame(method, params));
  }

  /** Does what reaches the client after all that came before: mostly at once, else when rules are done with that. */
  inTurn(act: () => void | Promise<void>): void {
    if (this.#turn === undefined) {
      const acting = act();
      if (acting === undefined) return;
      this.#endTurn(acting);
    } else this.#endTurn(this.#turn.then(act));
  }

  #endTurn(turn: Promise<void>): void {
    this.#turn = turn;
    const end = (): void => {
      if (this.#turn !== turn) return;
      this.#turn = undefined;
      this.onLessOwed();
    };
    turn.then(end, end);
  }
}

const LEFT = "the client has left";
const CLOSED = "the connection was closed";

function givenUp(): NoAnswer {
  return new NoAnswer("nobody waits for the answer any more", true);
}

/** The session, as the call that its words belong to. */
export function sessionOf({ lasting, acting }: Connection): Admission | GuardInit {
  return lasting.session ?? { hookpoint: "before_agent", ...acting };
}

const META = "io.modelcontextprotocol/";
const NO_HEADERS: JsonRecord = Object.freeze({});

/** Whether a request is of the protocol of 2026-07-28, in which each says its version itself. */
export function isModern({ message }: Frame): boolean {
  const meta = recordOf(recordOf(message["params"])?.["_meta"]);
  return textOf(meta?.[`${META}protocolVersion`]) !== undefined;
}

/** The version of the protocol that a request is of. */
export function versionOf({ version }: Connection, { message }: Frame): string | undefined {
  const meta = recordOf(recordOf(message["params"])?.["_meta"]);
  return textOf(meta?.[`${META}protocolVersion`]) ?? version;
}

/** What the client can do, as this request or the connection says. */
export function capabilitiesOf({ clientCapabilities }: Connection, { message }: Frame): JsonRecord {
  const meta = recordOf(recordOf(message["params"])?.["_meta"]);
  return recordOf(meta?.[`${META}clientCapabilities`]) ?? clientCapabilities;
}
