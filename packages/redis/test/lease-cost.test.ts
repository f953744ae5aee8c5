import { describe, expect, test } from "vitest";

import { leaseCost } from "../bench/lease-cost.ts";
import { REDIS_URL } from "./redis-url.ts";
import { hasRedis } from "./servers.ts";

// The short form of `npm run bench -- redis`: nothing but the ratio.
describe.skipIf(!hasRedis)("what a lease is for", () => {
  test("a call from it costs a twentieth of a round trip at most", async () => {
    const { cheaper } = await leaseCost(REDIS_URL, 9);
    expect(cheaper).toBeGreaterThanOrEqual(20);
  });
});
