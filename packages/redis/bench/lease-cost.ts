import { Redis } from "ioredis";

import type { LimitSpec } from "@agentplane/core";

import { redisState } from "../src/index.ts";

/** What a governed call's limits cost from a lease, beside the least that asking a server can cost. */
export interface LeaseCost {
  /** A bare PING, there and back; the middle one. */
  readonly tripUs: number;
  /** A call that is reserved and settled from a lease; the middle one. */
  readonly leasedUs: number;
  /** How many such calls a round trip takes the time of: the middle of all rounds. */
  readonly cheaper: number;
}

const TRIPS = 200;
const CALLS = 2_000;
const WARM_UP_ROUNDS = 3;
const HUGE = 1_000_000_000;
const BUDGET: LimitSpec = {
  key: "budget",
  measure: "tokens",
  limit: HUGE,
  window: { kind: "calendar", unit: "day", timeZone: "UTC" },
};

/**
 * Times both by turns, so that a busy machine slows either as much; a ratio is made of the two times of one round.
 * @param rounds How many are counted, each of some 200 round trips and 2,000 calls.
 */
export async function leaseCost(url: string, rounds: number): Promise<LeaseCost> {
  const namespace = `bench-lease-${process.pid}`;
  const client = new Redis(url);
  const state = redisState({ url, namespace, lease: { max: HUGE / 100, ttlMs: 60_000 } });
  await state.ready();
  await state.ledger.reserve(callOf(0));
  const times: (readonly [tripUs: number, leasedUs: number])[] = [];
  let count = 1;
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    const trips: number[] = [];
    for (let trip = 0; trip < TRIPS; trip++) {
      const from = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
      await client.ping();
      trips.push((performance.now() - from) * 1_000);
    }
    const from = performance.now();
    for (let call = 0; call < CALLS; call++) {
      const request = callOf(count++);
      if ("then" in state.ledger.reserve(request)) throw new Error("a call was not admitted from the lease");
      void state.ledger.settle(request.id, [2]);
    }
    const leasedUs = ((performance.now() - from) * 1_000) / CALLS;
    if (round >= WARM_UP_ROUNDS) times.push([middle(trips), leasedUs]);
  }
  await state.close();
  const left = await client.keys(`{${namespace}}*`);
  if (left.length > 0) await client.unlink(...left);
  client.disconnect();
  return {
    tripUs: middle(times.map(([tripUs]) => tripUs)),
    leasedUs: middle(times.map(([, leasedUs]) => leasedUs)),
    cheaper: middle(times.map(([tripUs, leasedUs]) => tripUs / leasedUs)),
  };
}

function callOf(count: number) {
  const item = { spec: BUDGET, amount: 3, isSoft: false, expired: "charge" } as const;
  return { id: `call-${count}`, ttlMs: 60_000, items: [item] };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
