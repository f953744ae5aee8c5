import { AgentplaneError } from "@agentplane/core";
import type { OpenAI } from "openai";

import { guardFetch, type GuardFetchOptions } from "./guard-fetch.ts";
import type { GovernedIdentity } from "./identity.ts";
import type { Fetch } from "./native-request.ts";
import type { GovernedPlane } from "./plane.ts";

/** How a client is governed; it brings its own `fetch`. */
export type GovernOptions = Omit<GuardFetchOptions, "fetch">;

/**
 * Puts an `openai` client under a plane: a client of the same class, whose every model call is decided before it is sent
 * and its answer before anyone reads it. Clones of it are governed too. Azure and gateways are recognised by the end of
 * the path.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who acts through it.
 * @param client Not changed.
 * @throws AgentplaneError `usage_invalid` for a client with an x509 transport, which takes no other `fetch`
 * @example
 * const openai = govern(plane, { agent: "support", tenant: "acme" }, new OpenAI());
 * await openai.responses.create({ model: "gpt-5", input: "…" }); // 403 agentplane_blocked where a policy says so
 */
export function govern<Client extends OpenAI>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  client: Client,
  options: GovernOptions = {},
): Client {
  refuseX509(client);
  const wrap = (inner: Fetch): Fetch => guardFetch(plane, identity, { ...options, fetch: inner });
  return sealed(client.withOptions({ fetch: wrap(fetchOf(client)) }), wrap);
}

type ClientOptions = Parameters<OpenAI["withOptions"]>[0];

/**
 * What leads around `fetch` is closed: a clone with a `fetch` of its own is governed again, and a WebSocket cannot be
 * opened. Put between the client and its class, so that the class stays what it was.
 */
function sealed<Client extends OpenAI>(client: Client, wrap: (inner: Fetch) => Fetch): Client {
  const own: object = Object.getPrototypeOf(client);
  const inBrowser = sealedConsent(client);
  const withOptions = function withOptions(this: OpenAI, options: ClientOptions): OpenAI {
    const { fetch: other } = options;
    // Asked of the class, so that what a subclass does at a clone is done.
    const clone: OpenAI = Reflect.apply(Reflect.get(own, "withOptions"), this, [
      { ...inBrowser, ...options, ...(other !== undefined && { fetch: wrap(other) }) },
    ]);
    refuseX509(clone);
    return sealed(clone, wrap);
  };
  const proto = Object.create(own, {
    withOptions: { value: withOptions, writable: true, configurable: true },
    _buildWebSocketHeaders: { value: refuseWebSocket, writable: true, configurable: true },
  }) as object;
  return Object.setPrototypeOf(client, proto);
}

/**
 * Of a client of Azure a WebSocket of the runtime's own asks nothing but key and address, as any request does, and
 * whether it may be opened in a browser: that question is the one place to refuse it.
 * @returns What was set, for clones: they are made of the options that can be listed.
 */
function sealedConsent(client: OpenAI): { readonly dangerouslyAllowBrowser?: boolean | undefined } {
  // The SDK keeps them to itself.
  const { _options: options } = client as unknown as { readonly _options?: ClientOptions };
  // Of one that is governed twice the inner one has the answer.
  const { get } = Object.getOwnPropertyDescriptor(options ?? {}, "dangerouslyAllowBrowser") ?? {};
  if (options === undefined || get !== undefined) return {};
  const { dangerouslyAllowBrowser } = options;
  Object.defineProperty(options, "dangerouslyAllowBrowser", { get: refuseWebSocket, enumerable: false });
  return dangerouslyAllowBrowser === undefined ? {} : { dangerouslyAllowBrowser };
}

function refuseWebSocket(): never {
  throw new AgentplaneError(
    "usage_invalid",
    "a governed client opens no WebSocket: nothing that goes through it could be decided. " +
      "Use the HTTP API, or an ungoverned client where that is wanted",
  );
}

/** The SDK keeps it private; without one it uses the global one. */
function fetchOf(client: OpenAI): Fetch {
  const { fetch: own } = client as unknown as { readonly fetch?: Fetch };
  return own ?? globalThis.fetch;
}

/** Its certificate lives in a transport that the SDK uses instead of `fetch`. */
function refuseX509(client: OpenAI): void {
  const { _options: options } = client as unknown as {
    readonly _options?: Readonly<Record<string, unknown>>;
  };
  if (options?.["x509Transport"] === undefined && options?.["credential"] === undefined) return;
  throw new AgentplaneError(
    "usage_invalid",
    "a client with an x509 credential takes no other fetch, so it cannot be governed; use another way to sign in",
  );
}
