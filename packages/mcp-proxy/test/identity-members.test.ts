import { ConfigError, createAgentPlane } from "@agentplane/core";
import { expect, test } from "vitest";

import type { ProxyIdentity } from "../src/connection/proxy-options.ts";
import { createHttpProxy, createRelay, runStdioProxy } from "../src/index.ts";

const plane = createAgentPlane();
const peers = { toClient: () => undefined, toServer: () => undefined };
const upstream = "http://127.0.0.1:1/mcp";

const WAYS: readonly [string, (identity: ProxyIdentity) => unknown][] = [
  ["createRelay", (identity) => createRelay({ plane, identity, server: "shop" }, peers)],
  ["createHttpProxy", async (identity) => createHttpProxy({ plane, identity, server: "shop", upstream })],
  [
    "runStdioProxy",
    async (identity) => runStdioProxy({ plane, identity, server: "shop", upstream: { url: upstream } }),
  ],
];

test.each(WAYS)("%s refuses an identity that would be nobody's", async (name, given) => {
  // As JavaScript may call it.
  const refused = (members: object) => async () => given(members as ProxyIdentity);
  await expect(refused({ agent: "a", tenantId: "acme" })).rejects.toThrow(ConfigError);
  await expect(refused({ agent: "a", tenantId: "acme" })).rejects.toThrow(
    `${name}: 1 configuration error\n  identity.tenantId: unknown member — did you mean "tenant"?`,
  );
  await expect(refused({ agent: "" })).rejects.toThrow("identity.agent: is no name");
});
