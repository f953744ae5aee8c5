import { createRecordingLogger } from "@agentplane/core/testing";
import { describe, expect, test } from "vitest";

import { redisState } from "../src/index.ts";
import { openState } from "./open-state.ts";
import { startServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";

describe.skipIf(!canStartServers)("a server", () => {
  test.for<[policy: string, reports: number]>([
    ["allkeys-lru", 1],
    ["volatile-ttl", 1],
    ["noeviction", 0],
  ])("with maxmemory-policy %s is reported as an error %i times", async ([policy, reports]) => {
    const server = await startServer(["--maxmemory", "100mb", "--maxmemory-policy", policy]);
    const logger = createRecordingLogger();
    const state = await openState({ url: server.url, ports: { logger } });
    expect(logger.messages("error").filter((message) => message.includes(policy))).toHaveLength(reports);
    await state.close();
    await server.dispose();
  });

  test("that is full refuses what it cannot keep, and nothing of it is taken", async () => {
    const server = await startServer(["--maxmemory", "1mb"]);
    const logger = createRecordingLogger();
    const state = await openState({ url: server.url, ports: { logger } });
    const request = {
      id: "full",
      ttlMs: 60_000,
      items: [
        {
          spec: { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } },
          amount: 5,
          isSoft: false,
          expired: "charge",
        },
      ],
    } as const;
    await expect(state.ledger.reserve(request)).rejects.toMatchObject({ code: "state_failed" });
    await expect(state.controls.update("a", () => 1)).rejects.toMatchObject({ code: "state_failed" });
    expect(await state.ledger.read(request.items[0].spec)).toEqual({ used: 0, held: 0, limit: 100 });
    await state.close();
    await server.dispose();
  });

  test("that cannot be reached is told by ready, and named without its password", async () => {
    const logger = createRecordingLogger();
    const state = redisState({ url: "redis://:s3cret@127.0.0.1:1", timeoutMs: 300, ports: { logger } });
    const opening = state.ready();
    await expect(opening).rejects.toMatchObject({ code: "state_failed" });
    await expect(opening).rejects.toThrow("ECONNREFUSED 127.0.0.1:1");
    await expect(opening).rejects.not.toThrow("s3cret");
    await state.close();
    expect(JSON.stringify(logger.entries)).not.toContain("s3cret");
  });
});
