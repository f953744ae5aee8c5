import { setTimeout } from "node:timers/promises";

import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { hasServer, TestSchema } from "./server.ts";

describe.skipIf(!(await hasServer()))("the contract of a state store", () => {
  const schema = new TestSchema();
  let nowMs = 1_795_000_000_000;
  let setClock: (nowMs: number) => Promise<void>;

  beforeAll(async () => {
    setClock = await schema.useTestClock(nowMs);
  });
  afterAll(() => schema.drop());

  const cases = stateStoreContract({
    name: "postgres",
    async create() {
      await schema.empty();
      return {
        store: schema.open({ pollMs: 30 }),
        // No process's wall clock is ever looked at, so there is none to set wrong.
        second: schema.open({ pollMs: 30 }),
        async advanceMs(durationMs) {
          nowMs += durationMs;
          await setClock(nowMs);
          // Changes travel in real time.
          await setTimeout(60);
        },
      };
    },
  });
  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
