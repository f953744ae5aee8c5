import { randomUUID } from "node:crypto";

import { describe, expect, test } from "vitest";

import { temporaryDirectory } from "../node/temporary-directory.ts";
import { isReachable, storeAddress, type StoreName } from "./stores.ts";
import { dropStore } from "./storm-plan.ts";
import { faultsOf, runStorm } from "./storm.ts";

const STORES: readonly StoreName[] = ["sqlite", "redis", "leased", "postgres"];

// 20 rounds, with more to spend and more killed: `npm run storm -- sqlite | redis | leased | postgres`.
describe.each(STORES)("1,000 callers in 8 processes on one budget in %s, one process killed", (name) => {
  test("never overspend, and leave the account that their own logs add up to", async ({ skip }) => {
    if (!(await isReachable(name))) skip();
    const own = `storm_${randomUUID().replaceAll("-", "")}`;
    const store = storeAddress(name, { directory: temporaryDirectory(), name: own });
    try {
      const [result] = await runStorm({
        store,
        rounds: 1,
        kills: 1,
        limit: name === "leased" ? 60_000 : 6_000,
      });
      if (result === undefined) throw new Error("no round was run");
      expect(faultsOf(result)).toStrictEqual([]);
      expect(result.killed).toBe(1);
      expect(result.granted).toBeGreaterThan(200);
    } finally {
      await dropStore(store);
    }
  }, 300_000);
});

test.for([
  ["", 2_500],
  [", also of calls that end after their time", 30],
] as const)(
  "processes that lease and of which none is killed leave exactly what they have used%s",
  { timeout: 300_000 },
  async ([, ttlMs], { skip }) => {
    if (!(await isReachable("leased"))) skip();
    const own = `storm_${randomUUID().replaceAll("-", "")}`;
    const store = storeAddress("leased", { directory: temporaryDirectory(), name: own });
    try {
      const [result] = await runStorm({ store, rounds: 1, kills: 0, processes: 2, limit: 20_000, ttlMs });
      if (result === undefined) throw new Error("no round was run");
      expect(faultsOf(result)).toStrictEqual([]);
      expect(result).toMatchObject({ unknown: 0, used: result.low, high: result.low });
    } finally {
      await dropStore(store);
    }
  },
);
