import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { freshNamespace, openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";
import { tellTime, type ToldTime } from "./told-time.ts";

describe.skipIf(!canStartServers)("a server that is killed and started again", () => {
  let server: PrivateServer;
  const times: ToldTime[] = [];

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    for (const time of times) time.close();
    await server.dispose();
  });

  const cases = stateStoreContract({
    name: "redis",
    isDurable: true,
    async create() {
      const namespace = freshNamespace();
      const time = tellTime(namespace);
      times.push(time);
      const open = () => {
        const ports = { logger: silentLogger, clock: time.clockOff(0) };
        return openState({ namespace, client: time.client(server.url), ports });
      };
      return {
        store: await open(),
        async reopen() {
          await server.kill();
          await server.start();
          return open();
        },
        advanceMs: time.advanceMs,
      };
    },
  }).filter(({ name }) => name.includes("over a restart"));

  test("knows what to look at", () => {
    expect(cases).toHaveLength(13);
  });
  test.for(cases.map((one) => [one.name, one.run] as const))("%s", async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
