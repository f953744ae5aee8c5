import { createAgentPlane, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";

import { createRelay, type Frame, type ProxyOptions, type Relay } from "../src/index.ts";

type Message = Record<string, unknown>;
const encoder = new TextEncoder();

/** A relay whose two ends are in the test's hands. */
export interface WiredRelay {
  readonly plane: AgentPlane;
  readonly relay: Relay;
  /** What left, in order, as texts. */
  readonly toClient: string[];
  readonly toServer: string[];
  client(message: Message | string): void;
  server(message: Message | string): void;
  /** The next message to the client with this id. */
  answer(id: string | number): Promise<Message>;
  /** Waits until the server was asked this often. */
  asked(count: number): Promise<readonly Message[]>;
}

/** Wires a relay; `serve` answers the server's requests at once. */
export function wiredRelay(
  planeOptions: PlaneOptions = {},
  { serve, ...options }: Partial<ProxyOptions> & { serve?: (request: Message) => Message | undefined } = {},
): WiredRelay {
  const plane = createAgentPlane({
    scanner: createScanner(),
    approvals: { resolver: "external" },
    ...planeOptions,
  });
  const [toClient, toServer]: [string[], string[]] = [[], []];
  const relay: Relay = createRelay(
    { plane, identity: { agent: "writer", tenant: "acme", session: "s1" }, server: "shop", ...options },
    {
      toClient: ({ text }: Frame) => void toClient.push(text),
      toServer({ text, message }: Frame) {
        toServer.push(text);
        const response = serve?.(message);
        if (response !== undefined)
          queueMicrotask(() => relay.fromServer(bytesOf({ jsonrpc: "2.0", id: message["id"], ...response })));
      },
    },
  );
  return {
    plane,
    relay,
    toClient,
    toServer,
    client: (message) => relay.fromClient(bytesOf(message)),
    server: (message) => relay.fromServer(bytesOf(message)),
    answer: (id) => until(() => toClient.map(parsed).find((message) => message["id"] === id)),
    asked: (count) => until(() => (toServer.length >= count ? toServer.map(parsed) : undefined)),
  };
}

/** A request. */
export function request(id: string | number, method: string, params: Message = {}): Message {
  return { jsonrpc: "2.0", id, method, params };
}

/** A `tools/call`. */
export function callOf(id: string | number, name: string, input: Message = {}): Message {
  return request(id, "tools/call", { name, arguments: input });
}

function bytesOf(message: Message | string): Uint8Array {
  return encoder.encode(typeof message === "string" ? message : JSON.stringify(message));
}

function parsed(text: string): Message {
  // What the relay sends is JSON objects.
  return JSON.parse(text) as Message;
}

async function until<T>(look: () => T | undefined): Promise<T> {
  // By the clock: what is signed or waits for a rule takes many turns where the machine is busy.
  for (const endMs = performance.now() + 10_000; performance.now() < endMs;) {
    const found = look();
    if (found !== undefined) return found;
    // oxlint-disable-next-line no-await-in-loop -- looks again and again
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come");
}
