import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { freshNamespace, openState, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

describe.skipIf(!canStartServers)("a server that is killed and started again", () => {
  let server: PrivateServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.dispose());

  const cases = stateStoreContract({
    name: "redis",
    isDurable: true,
    async create() {
      const options = { url: server.url, namespace: freshNamespace(), ports: { logger: silentLogger } };
      return {
        store: await openState(options),
        async reopen() {
          await server.kill();
          await server.start();
          return openState(options);
        },
        advanceMs: pause,
      };
    },
  }).filter(({ name }) => name.includes("over a restart"));

  test("knows what to look at", () => {
    expect(cases).toHaveLength(13);
  });
  // As in the contract of the store: a server's time cannot be told.
  test.for(cases.map((one) => [one.name, one.run] as const))("%s", { retry: 2 }, async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
