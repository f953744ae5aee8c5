import type { LedgerStore } from "@agentplane/core";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

import type { RedisLedger } from "../src/ledger/redis-ledger.ts";
import { startProcess, type LeasedProcess } from "./leased-process.ts";
import { budget, take } from "./limits.ts";
import { dropNamespace, freshNamespace } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.now() + 10 * 86_400_000;
const WINDOW_MS = 60_000;
const TTL_MS = 10_000;
const spent = budget("spent", 100);
const sliding = {
  ...budget("sliding", 100),
  window: { kind: "sliding", windowMs: WINDOW_MS },
} as const;

describe.skipIf(!hasRedis)("a server's clock that is set", () => {
  const namespace = freshNamespace();
  let serverMs = START_MS;
  let elapsedMs = 0;
  const virtual = openVirtualLedger(namespace, () => serverMs);
  let exact: RedisLedger;
  let process: LeasedProcess;
  beforeEach(() => {
    serverMs = START_MS;
    exact = virtual.restart();
    process = startProcess("p", virtual.parts, () => elapsedMs);
  });
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  const passMs = async (durationMs: number): Promise<void> => {
    serverMs += durationMs;
    elapsedMs += durationMs;
    await process.tick();
  };

  describe.each([
    ["without leases", (): LedgerStore => exact],
    ["within a lease", (): LedgerStore => process.ledger],
  ])("%s", (_name, ledger) => {
    test("back while a call runs ends no hold, refills no window, and is made up for", async () => {
      const reserve = async (...given: Parameters<typeof take>) => ledger().reserve(take(...given));
      await reserve("used", sliding, 60, TTL_MS);
      await ledger().settle("used", [60]);
      await reserve("held", spent, 10, TTL_MS);
      await passMs(1_000);
      serverMs -= HOUR_MS;
      await passMs(1_000);
      expect(await ledger().read(spent)).toMatchObject({ used: 0, held: 10 });
      expect((await reserve("over", spent, 91, TTL_MS)).isGranted).toBe(false);
      expect((await reserve("again", sliding, 41, TTL_MS)).isGranted).toBe(false);
      await ledger().settle("held", [4]);
      expect(await ledger().read(spent)).toMatchObject({ used: 4, held: 0 });
      // What is used meanwhile is no hour old when the clock is set right.
      expect((await reserve("meanwhile", sliding, 40, TTL_MS)).isGranted).toBe(true);
      await ledger().settle("meanwhile", [40]);
      await passMs(5_000);
      serverMs += HOUR_MS;
      await passMs(1_000);
      expect((await reserve("soon", sliding, 1, TTL_MS)).isGranted).toBe(false);
      await passMs(2 * WINDOW_MS);
      expect((await reserve("again", sliding, 100, TTL_MS)).isGranted).toBe(true);
    });

    test("ahead while a call runs loses nothing of what it uses", async () => {
      await ledger().reserve(take("held", spent, 10, TTL_MS));
      serverMs += HOUR_MS;
      await passMs(500);
      await ledger().settle("held", [4]);
      await process.ledger.close();
      expect(await exact.read(spent)).toEqual({ used: 4, held: 0, limit: 100 });
    });
  });
});
