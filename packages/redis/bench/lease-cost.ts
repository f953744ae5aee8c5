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

/** So many of either in a round. */
const TIMES = 200;
/** Calls take about as long as a round trip in batches of so many: a busy machine interrupts either as often. */
const BATCH = 50;
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
 * @param count How many rounds are counted, each of 200 round trips and 10,000 calls.
 */
export async function leaseCost(url: string, count: number): Promise<LeaseCost> {
  const namespace = `bench-lease-${process.pid}`;
  const client = new Redis(url);
  const state = redisState({ url, namespace, lease: { max: HUGE / 100, ttlMs: 60_000 } });
  await state.ready();
  await state.ledger.reserve(callOf(0));
  const rounds: (readonly [tripUs: number, leasedUs: number])[] = [];
  let calls = 1;
  for (let round = 0; round < WARM_UP_ROUNDS + count; round++) {
    const trips: number[] = [];
    const batches: number[] = [];
    for (let time = 0; time < TIMES; time++) {
      const from = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
      await client.ping();
      trips.push((performance.now() - from) * 1_000);
    }
    for (let time = 0; time < TIMES; time++) {
      const from = performance.now();
      for (let call = 0; call < BATCH; call++) {
        const request = callOf(calls++);
        if ("then" in state.ledger.reserve(request))
          throw new Error("a call was not admitted from the lease");
        void state.ledger.settle(request.id, [2]);
      }
      batches.push(((performance.now() - from) * 1_000) / BATCH);
    }
    if (round >= WARM_UP_ROUNDS) rounds.push([middle(trips), middle(batches)]);
  }
  await state.close();
  const left = await client.keys(`{${namespace}}*`);
  if (left.length > 0) await client.unlink(...left);
  client.disconnect();
  return {
    tripUs: middle(rounds.map(([tripUs]) => tripUs)),
    leasedUs: middle(rounds.map(([, leasedUs]) => leasedUs)),
    cheaper: middle(rounds.map(([tripUs, leasedUs]) => tripUs / leasedUs)),
  };
}

function callOf(count: number) {
  const item = { spec: BUDGET, amount: 3, isSoft: false, expired: "charge" } as const;
  return { id: `call-${count}`, ttlMs: 60_000, items: [item] };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
