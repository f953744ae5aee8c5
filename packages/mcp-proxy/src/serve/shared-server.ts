import { rewritten, type Change, type Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf, keyOf, kindOf, notificationFrame, type RpcId } from "../frame/rpc.ts";
import type { MessageChannel, OpenChannel } from "../upstream/message-channel.ts";
import type { Exchange } from "./exchange.ts";
import type { SessionServer, SessionServerInit } from "./session-server.ts";

/** A request of some client's at the one server. */
interface Shared {
  readonly id: RpcId;
  readonly token: unknown;
  readonly method: string;
  readonly wantsLogs: boolean;
  readonly exchange: Exchange | undefined;
  readonly init: SessionServerInit;
}

const META = "io.modelcontextprotocol/";
const SUBSCRIPTION = `${META}subscriptionId`;
/** A server that lived shorter is not started again at once. */
const STEADY_MS = 1_000;
/** The status that an error of 2026-07-28 comes with over HTTP (Streamable HTTP, "Request Metadata"). */
const STATUS = new Map<unknown, number>([
  [-32_601, 404],
  [-32_020, 400],
  [-32_021, 400],
  [-32_022, 400],
]);

/**
 * One server for all requests of 2026-07-28, which know no sessions. Clients count their requests alike, so each has an id
 * of the proxy's here, and so have its progress and its subscription.
 */
export class SharedServer {
  readonly #open: OpenChannel;
  readonly #log: (line: string) => void;
  readonly #asked = new Map<string, Shared>();
  #channel: MessageChannel | undefined;
  #count = 0;
  #startedMs = 0;
  #isShortLived = false;
  lastUsedMs = 0;

  constructor(open: OpenChannel, log: (line: string) => void) {
    this.#open = open;
    this.#log = log;
  }

  get isIdle(): boolean {
    return this.#asked.size === 0;
  }

  /** The server as one client's request sees it. */
  side(init: SessionServerInit): SessionServer {
    const own = new Map<string, string>();
    const cancel = (key: string): void => {
      const shared = own.get(key);
      own.delete(key);
      if (shared === undefined || !this.#asked.delete(shared)) return;
      this.#channel?.send(notificationFrame("notifications/cancelled", { requestId: shared }));
    };
    return {
      sessionId: undefined,
      tell: async (frame) => {
        this.#log(`${textOf(frame.message["method"]) ?? "an answer"} was dropped: over HTTP nothing is told`);
        return 202;
      },
      ask: async (frame, exchange) => this.#ask(frame, { init, exchange, own }),
      listen: async () => false,
      remove: async () => 405,
      abort: (id) => cancel(keyOf(id)),
      end: () => {
        for (const key of own.keys()) cancel(key);
      },
    };
  }

  /** Ends the server; the next request starts another one. */
  async stop(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close();
  }

  #ask(
    frame: Frame,
    asking: Pick<Shared, "init" | "exchange"> & { readonly own: Map<string, string> },
  ): void {
    const { init, exchange, own } = asking;
    const id = idOf(frame.message) ?? "";
    this.lastUsedMs = performance.now();
    if (this.#channel === undefined && this.#isShortLived && this.lastUsedMs - this.#startedMs < STEADY_MS) {
      if (exchange !== undefined) exchange.status = 503;
      const message = "the server has just ended; it is started again in a second";
      return init.deliver(errorFrame(id, { code: CODES.unavailable, message }), { exchange });
    }
    const meta = recordOf(recordOf(frame.message["params"])?.["_meta"]);
    const shared = `agentplane:${this.#count++}`;
    const token = meta?.["progressToken"];
    this.#asked.set(shared, {
      id,
      token,
      init,
      exchange,
      method: textOf(frame.message["method"]) ?? "",
      wantsLogs: meta?.[`${META}logLevel`] !== undefined,
    });
    own.set(keyOf(id), shared);
    this.#channel ??= this.#start();
    const changes: Change[] = [{ path: ["id"], value: shared }];
    if (token !== undefined) changes.push({ path: ["params", "_meta", "progressToken"], value: shared });
    this.#channel.send(rewritten(frame, changes));
  }

  #start(): MessageChannel {
    this.#startedMs = performance.now();
    const channel = this.#open({
      messages: (frames) => {
        for (const frame of frames) this.#take(frame);
      },
      ended: (reason) => this.#ended(reason),
    });
    return channel;
  }

  #take(frame: Frame): void {
    switch (kindOf(frame)) {
      case "response":
        return this.#answer(frame);
      case "notification":
        return this.#tell(frame);
      case "request":
        // In this era a server asks within its answers: one that asks otherwise must not wait for ever.
        return this.#channel?.send(
          errorFrame(idOf(frame.message) ?? null, { code: -32_601, message: "nobody can be asked" }),
        );
      case "unknown":
        return this.#log("the server sent what is no message");
      // no default: every kind is named above
    }
  }

  #answer(frame: Frame): void {
    const key = String(idOf(frame.message));
    const shared = this.#asked.get(key);
    if (shared === undefined) return this.#log("the server answered what nobody waits for");
    this.#asked.delete(key);
    const { id, exchange, init, method } = shared;
    const code = recordOf(frame.message["error"])?.["code"];
    // An error of no modern kind says that the server knows no such request: the client begins in the older way.
    const status = STATUS.get(code) ?? (code === undefined ? 200 : method === "server/discover" ? 400 : 200);
    if (exchange !== undefined)
      exchange.status = method === "server/discover" && status === 404 ? 400 : status;
    init.deliver(rewritten(frame, [{ path: ["id"], value: id }]), { exchange });
  }

  #tell(frame: Frame): void {
    const params = recordOf(frame.message["params"]);
    const subscription = textOf(recordOf(params?.["_meta"])?.[SUBSCRIPTION]);
    const progress = textOf(params?.["progressToken"]);
    const shared = this.#asked.get(subscription ?? progress ?? "") ?? this.#listener(frame);
    if (shared === undefined) return this.#log("a message of the server's was dropped: nobody can have it");
    const changes: Change[] = [];
    if (subscription !== undefined)
      changes.push({ path: ["params", "_meta", SUBSCRIPTION], value: shared.id });
    else if (progress !== undefined) changes.push({ path: ["params", "progressToken"], value: shared.token });
    const own = changes.length === 0 ? frame : rewritten(frame, changes);
    shared.init.deliver(own, { exchange: shared.exchange });
  }

  /** A log message does not say to which request it belongs: where there are several, it could be another client's. */
  #listener({ message }: Frame): Shared | undefined {
    if (message["method"] !== "notifications/message") return undefined;
    const running = [...this.#asked.values()].filter(({ method }) => method !== "subscriptions/listen");
    const [only] = running;
    return running.length === 1 && only?.wantsLogs === true ? only : undefined;
  }

  #ended(reason: string): void {
    this.#log(reason);
    this.#channel = undefined;
    this.#isShortLived = performance.now() - this.#startedMs < STEADY_MS;
    const all = [...this.#asked.values()];
    this.#asked.clear();
    for (const { id, exchange, init } of all) {
      if (exchange !== undefined) exchange.status = 502;
      init.deliver(errorFrame(id, { code: CODES.unavailable, message: reason }), { exchange });
    }
  }
}
