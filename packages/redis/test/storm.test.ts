import { describe, expect, test } from "vitest";

import { REDIS_URL } from "./redis-url.ts";
import { hasRedis } from "./servers.ts";
import { runStormRound } from "./storm-round.ts";

const ROUNDS = Array.from({ length: Number(process.env["STORM_ROUNDS"] ?? 1) }, (_, index) => index + 1);
const HARD = { url: REDIS_URL, processes: 8, callers: 125, limit: 10_000, kills: 1 };

describe.skipIf(!hasRedis)("1,000 callers in 8 processes on one budget, one of them killed", () => {
  test.each(ROUNDS)("never overspend it, and leave an exact ledger (round %i)", async () => {
    const { peak, used, held, late, settled, limit, utilisation } = await runStormRound(HARD);
    expect(peak).toBeLessThanOrEqual(limit + late);
    expect({ used, held }).toEqual({ used: settled, held: 0 });
    expect(utilisation).toBe(1);
  });

  test.each(ROUNDS)(
    "with leases never overspend it, and lose no more than what the killed one had taken (round %i)",
    async () => {
      const report = await runStormRound({ ...HARD, limit: 100_000, lease: { max: 500, ttlMs: 1_000 } });
      const { peak, used, held, late, settled, limit, utilisation } = report;
      expect(peak).toBeLessThanOrEqual(limit + late);
      expect(held).toBe(0);
      expect(settled).toBeLessThanOrEqual(used);
      expect(utilisation).toBeGreaterThanOrEqual(0.95);
    },
  );
});
