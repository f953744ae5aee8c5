import { checkIdentity } from "@agentplane/core";
import type { OpenAI } from "openai";

import { guardFetch } from "./guard-fetch.ts";
import type { GuardFetchOptions } from "./guard-options.ts";
import type { GovernedIdentity } from "./call/identity.ts";
import type { Fetch } from "./http/native-request.ts";
import type { GovernedPlane } from "./call/plane.ts";
import { refuseX509, sealed } from "./http/sealed-client.ts";

/** How a client is governed; it brings its own `fetch`. */
export type GovernOptions = Omit<GuardFetchOptions, "fetch">;

/**
 * Puts an `openai` client under a plane: a client of the same class, whose every model call is decided before it is sent
 * and its answer before anyone reads it. Clones of it are governed too. Azure and gateways are recognised by the end of
 * the path.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who acts through it.
 * @param client Not changed.
 * @throws ConfigError for a member or an option that does not exist, and an empty name
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
  checkIdentity("govern", identity);
  refuseX509(client);
  const wrap = (inner: Fetch): Fetch => guardFetch(plane, identity, { ...options, fetch: inner });
  return sealed(client.withOptions({ fetch: wrap(fetchOf(client)) }), wrap);
}

/** The SDK keeps it private; without one it uses the global one. */
function fetchOf(client: OpenAI): Fetch {
  const { fetch: own } = client as unknown as { readonly fetch?: Fetch };
  return own ?? globalThis.fetch;
}
