import { AgentplaneError } from "@agentplane/core";
import type { OpenAI } from "openai";

import type { Fetch } from "./native-request.ts";

type ClientOptions = Parameters<OpenAI["withOptions"]>[0];
type AnyMethod = (...args: unknown[]) => unknown;

/**
 * Closes what leads around `fetch`: a clone with a `fetch` of its own is governed again, one that is set is refused, and
 * a WebSocket cannot be opened. Put between the client and its class, so that the class stays what it was.
 * @param wrap Governs a `fetch`.
 * @throws AgentplaneError `usage_invalid` for a client with an x509 transport, which takes no other `fetch`
 */
export function sealed<Client extends OpenAI>(client: Client, wrap: (inner: Fetch) => Fetch): Client {
  refuseX509(client);
  const own: object = Object.getPrototypeOf(client);
  const withKey = sealedKey(client);
  /** Asked of the class, so that what a subclass does is done. */
  const ownMethod = (name: string): AnyMethod => Reflect.get(own, name) as AnyMethod;
  const withOptions = function withOptions(this: OpenAI, options: ClientOptions): OpenAI {
    const { fetch: other } = options;
    const given = { ...options, ...(other !== undefined && { fetch: wrap(other) }) };
    return sealed(withKey(() => Reflect.apply(ownMethod("withOptions"), this, [given])) as OpenAI, wrap);
  };
  // A request always says which schemes it takes; the WebSockets of the Agents SDK do not.
  const authHeaders = function authHeaders(this: OpenAI, request: unknown, schemes: unknown): unknown {
    if (schemes === undefined) refuseWebSocket();
    return withKey(() => Reflect.apply(ownMethod("authHeaders"), this, [request, schemes]));
  };
  const callApiKey = function callApiKey(this: OpenAI, ...args: unknown[]): unknown {
    return withKey(() => Reflect.apply(ownMethod("_callApiKey"), this, args));
  };
  const proto = Object.create(own, {
    withOptions: { value: withOptions, writable: true, configurable: true },
    authHeaders: { value: authHeaders, writable: true, configurable: true },
    _callApiKey: { value: callApiKey, writable: true, configurable: true },
    _hasApiKeyProvider: { value: refuseWebSocket, writable: true, configurable: true },
    _buildWebSocketHeaders: { value: refuseWebSocket, writable: true, configurable: true },
  }) as object;
  const { fetch } = client as unknown as { readonly fetch?: Fetch };
  Object.defineProperty(client, "fetch", {
    get: () => fetch,
    set: refuseFetch,
    enumerable: true,
    configurable: true,
  });
  return Object.setPrototypeOf(client, proto);
}

function refuseFetch(): never {
  throw new AgentplaneError(
    "usage_invalid",
    "a governed client takes no other fetch, which nothing would decide about: use withOptions({ fetch }) instead",
  );
}

/**
 * Some WebSockets ask of a client nothing but what any request asks. But all of the Realtime API look whether its key is
 * one that has to be fetched, where requests look only in methods that we know: that question is the place to refuse them.
 * @returns What lets those methods look, until they wait for something.
 */
function sealedKey(client: OpenAI): <R>(read: () => R) => R {
  const { _options: options } = client as unknown as { readonly _options?: ClientOptions };
  const { get, value: key } = Object.getOwnPropertyDescriptor(options ?? {}, "apiKey") ?? {};
  // Of a client that is governed twice the inner one has the answer.
  if (options === undefined || get !== undefined) return (read) => read();
  let isOpen = false;
  // Clones are made of the options that can be listed, and of the key by its name.
  Object.defineProperty(options, "apiKey", {
    get: () => (isOpen ? (key as unknown) : refuseWebSocket()),
    enumerable: false,
  });
  return (read) => {
    const before = isOpen;
    isOpen = true;
    try {
      return read();
    } finally {
      isOpen = before;
    }
  };
}

function refuseWebSocket(): never {
  throw new AgentplaneError(
    "usage_invalid",
    "a governed client opens no WebSocket: nothing that goes through it could be decided. " +
      "Use the HTTP API, or an ungoverned client where that is wanted",
  );
}

/** Its certificate lives in a transport that the SDK uses instead of `fetch`. */
export function refuseX509(client: OpenAI): void {
  const { _options: options } = client as unknown as {
    readonly _options?: Readonly<Record<string, unknown>>;
  };
  if (options?.["x509Transport"] === undefined && options?.["credential"] === undefined) return;
  throw new AgentplaneError(
    "usage_invalid",
    "a client with an x509 credential takes no other fetch, so it cannot be governed; use another way to sign in",
  );
}
