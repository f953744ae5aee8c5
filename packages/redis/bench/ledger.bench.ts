// What an admission costs through Redis: one round trip whatever the number of limits, and next to none from a lease.
// Usage: node --conditions=agentplane-source bench/ledger.bench.ts; needs a server at REDIS_URL or on the local port.
/* oxlint-disable no-await-in-loop -- one after the other is what is measured */
import { Redis } from "ioredis";
import os from "node:os";

import type { LedgerStore, LimitSpec, MaybePromise } from "@agentplane/core";

import { redisState } from "../src/index.ts";

const URL = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";
const ROUNDS = 2_000;
const IN_FLIGHT = 200;
const LEASED_BATCH = 1_000;
const HUGE = 1_000_000_000;
/** A lease must be so many times cheaper than a round trip. */
const CHEAPER = 20;

const ledgers = open();
const client = new Redis(URL);
let count = 0;

interface Row {
  readonly what: string;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly perSecond: number | undefined;
}

function open() {
  const namespace = `bench-${process.pid}`;
  const lease = { max: HUGE / 1_000, ttlMs: 60_000 };
  return {
    exact: redisState({ url: URL, namespace }),
    leased: redisState({ url: URL, namespace, lease }),
    namespace,
  };
}

function requestOf(specs: readonly LimitSpec[]) {
  const items = specs.map((spec) => ({ spec, amount: 3, isSoft: false, expired: "charge" as const }));
  return { id: `call-${count++}`, ttlMs: 60_000, items };
}

const budgets = (limits: number): readonly LimitSpec[] =>
  Array.from({ length: limits }, (_, at) => ({
    key: `b${at}`,
    measure: "tokens",
    limit: HUGE,
    window: { kind: "calendar", unit: "day", timeZone: "UTC" },
  }));
const rates: readonly LimitSpec[] = [
  { key: "rate", measure: "calls", limit: 1_000, window: { kind: "sliding", windowMs: 60_000 } },
];
const slices: readonly LimitSpec[] = [
  { key: "slices", measure: "tokens", limit: HUGE, window: { kind: "sliding", windowMs: 60_000 } },
];

async function reserve(ledger: LedgerStore, specs: readonly LimitSpec[]): Promise<string> {
  const request = requestOf(specs);
  await ledger.reserve(request);
  return request.id;
}

/** One after the other, then many at once. */
async function measure(what: string, work: () => MaybePromise<unknown>): Promise<Row> {
  for (let round = 0; round < ROUNDS / 4; round++) await work();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = performance.now();
    await work();
    times.push((performance.now() - from) * 1_000);
  }
  const from = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let round = 0; round < ROUNDS / 50; round++) await work();
    }),
  );
  const perSecond = (IN_FLIGHT * (ROUNDS / 50)) / ((performance.now() - from) / 1_000);
  times.sort((a, b) => a - b);
  return { what, p50Us: times[ROUNDS / 2] ?? NaN, p99Us: times[Math.floor(ROUNDS * 0.99)] ?? NaN, perSecond };
}

/** Too fast for the clock one by one. */
function measureLeased(specs: readonly LimitSpec[]): Row {
  const { ledger } = ledgers.leased;
  const times: number[] = [];
  for (let batch = 0; batch < 60; batch++) {
    const from = performance.now();
    for (let one = 0; one < LEASED_BATCH; one++) {
      const request = requestOf(specs);
      const answer = ledger.reserve(request);
      if ("then" in answer) throw new Error("not from the lease");
      void ledger.settle(request.id, [2]);
    }
    if (batch >= 20) times.push(((performance.now() - from) * 1_000) / LEASED_BATCH);
  }
  times.sort((a, b) => a - b);
  const p50Us = times[20] ?? NaN;
  return {
    what: `leased: reserve and settle, ${specs.length} limit`,
    p50Us,
    p99Us: times[39] ?? NaN,
    perSecond: 1e6 / p50Us,
  };
}

async function pair(specs: readonly LimitSpec[]): Promise<void> {
  const id = await reserve(ledgers.exact.ledger, specs);
  await ledgers.exact.ledger.settle(id, [2]);
}

await Promise.all([ledgers.exact.ready(), ledgers.leased.ready()]);
const rows: Row[] = [];
rows.push(await measure("PING", () => client.ping()));
for (const limits of [1, 3, 10])
  rows.push(
    await measure(`reserve and settle, ${limits} ${limits === 1 ? "limit" : "limits"}`, () =>
      pair(budgets(limits)),
    ),
  );
rows.push(await measure("reserve and settle, a rate of 1,000 (exact log, full)", () => pair(rates)));
rows.push(await measure("reserve and settle, 60+1 slices", () => pair(slices)));
rows.push(await measure("reserve, 1 limit", () => reserve(ledgers.exact.ledger, budgets(1))));
await reserve(ledgers.leased.ledger, budgets(1));
const leased = measureLeased(budgets(1));
rows.push(leased);

const cpu = os.cpus();
console.log(
  `\nnode ${process.version}, ${cpu.length} × ${cpu[0]?.model}, load ${os.loadavg()[0]?.toFixed(1)}\n`,
);
console.log("| operation | p50 µs | p99 µs | per second (200 at once) |\n|---|---|---|---|");
for (const { what, p50Us, p99Us, perSecond = NaN } of rows)
  console.log(
    `| ${what} | ${p50Us.toPrecision(3)} | ${p99Us.toPrecision(3)} | ${Math.round(perSecond).toLocaleString("en-US")} |`,
  );
const trips = rows.find(({ what }) => what === "reserve and settle, 1 limit")?.p50Us ?? NaN;
const ping = rows[0]?.p50Us ?? NaN;
console.log(
  `\na lease is ${(trips / leased.p50Us).toFixed(0)}× cheaper than reserve and settle, ${(ping / leased.p50Us).toFixed(0)}× than a bare PING`,
);
if (!(trips / 2 / leased.p50Us >= CHEAPER)) {
  console.error(`FAILED: less than ${CHEAPER}× cheaper than one round trip`);
  process.exitCode = 1;
}
await Promise.all([ledgers.exact.close(), ledgers.leased.close()]);
for (const key of await client.keys(`{${ledgers.namespace}}*`)) await client.unlink(key);
client.disconnect();
