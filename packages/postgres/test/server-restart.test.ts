import { setTimeout } from "node:timers/promises";

import type { StateStore } from "@agentplane/core";
import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { postgresState } from "../src/postgres-state.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

describe.skipIf(!canStartServers)("a server that loses its power and is started again", () => {
  let server: PrivateServer;
  let count = 0;

  beforeAll(async () => {
    server = await PrivateServer.create();
  }, 60_000);
  afterAll(() => server.destroy());

  const cases = stateStoreContract({
    name: "postgres",
    isDurable: true,
    create() {
      const schema = `restart_${count++}`;
      const open = (): StateStore =>
        postgresState({ connectionString: server.url, schema, ports: { logger: QUIET } });
      return {
        store: open(),
        async reopen() {
          await server.crash();
          await server.start();
          return open();
        },
        advanceMs: async (durationMs) => setTimeout(durationMs),
      };
    },
  }).filter(({ name }) => name.includes("of its plane") || name.includes("every kind of window"));

  test("knows what to look at", () => {
    expect(cases).toHaveLength(9);
  });
  test.for(cases.map((one) => [one.name, one.run] as const))("%s", { timeout: 60_000 }, async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
