// What an admission costs through Redis: one round trip whatever the number of limits, and next to none from a lease,
// which never spends more than the limit.
// Usage: node --conditions=agentplane-source bench/ledger.bench.ts; needs a server at REDIS_URL or on the local port.
/* oxlint-disable no-await-in-loop -- one after the other is what is measured */
import { Redis } from "ioredis";

import { median, printMachine, report } from "@agentplane/bench/report";
import type { LedgerStore, LimitSpec, MaybePromise } from "@agentplane/core";

import { redisState, type RedisState } from "../src/index.ts";
import { leaseCost } from "./lease-cost.ts";

const URL = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";
const ROUNDS = 2_000;
const IN_FLIGHT = 200;
const LEASE_ROUNDS = 31;
const HUGE = 1_000_000_000;
/** A lease must be so many times cheaper than a round trip. */
const CHEAPER = 20;
/** What several processes spend at once, in calls of up to `MOST`. */
const BUDGET = 30_000;
const MOST = 40;
const SPENDERS = 4;

const namespace = `bench-${process.pid}`;
const exact = redisState({ url: URL, namespace });
const client = new Redis(URL);
let count = 0;

interface Row {
  readonly what: string;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly perSecond: number;
}

function requestOf(specs: readonly LimitSpec[], amount = 3) {
  const items = specs.map((spec) => ({ spec, amount, isSoft: false, expired: "charge" as const }));
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
  return { what, p50Us: median(times), p99Us: times[Math.floor(ROUNDS * 0.99)] ?? NaN, perSecond };
}

async function pair(specs: readonly LimitSpec[]): Promise<void> {
  const id = await reserve(exact.ledger, specs);
  await exact.ledger.settle(id, [2]);
}

/** How many commands one admission sends, as the server sees it. */
async function commandsOf(limits: number): Promise<number> {
  const opener = client.duplicate();
  const monitor = await opener.monitor();
  opener.disconnect();
  let sent = 0;
  const mark = "the end of what is counted";
  const ended = new Promise<void>((resolve) => {
    monitor.on("monitor", (_time: string, args: readonly string[], source: string) => {
      if (args.includes(mark)) resolve();
      // Every key has the namespace in its name; what scripts do themselves is no round trip.
      else if (source !== "lua" && args.some((arg) => arg.includes(namespace))) sent++;
    });
  });
  await reserve(exact.ledger, budgets(limits));
  await client.echo(mark);
  await ended;
  monitor.disconnect();
  return sent;
}

/** Lets some lease and one not, all at once, spend a budget to its end; answers how much more than it they had. */
async function overspend(): Promise<number> {
  const spec: LimitSpec = { key: "spent", measure: "tokens", limit: BUDGET, window: { kind: "lifetime" } };
  const leasing = Array.from({ length: SPENDERS }, () =>
    redisState({ url: URL, namespace, lease: { max: 300, ttlMs: 1_000 } }),
  );
  const spent = await Promise.all([exact, ...leasing].map(async (state) => spend(state, spec)));
  await Promise.all(leasing.map((state) => state.close()));
  const sum = spent.reduce((all, one) => all + one, 0);
  console.log(
    `\n${SPENDERS} that lease and one that does not had ${sum.toLocaleString("en-US")} of ${BUDGET.toLocaleString("en-US")}.`,
  );
  return Math.max(0, sum - BUDGET);
}

async function spend({ ledger }: RedisState, spec: LimitSpec): Promise<number> {
  let spent = 0;
  for (let refused = 0; refused < 3;) {
    const amount = 1 + Math.floor(Math.random() * MOST);
    const request = requestOf([spec], amount);
    if ((await ledger.reserve(request)).isGranted) {
      spent += amount;
      await ledger.settle(request.id, [amount]);
    } else refused++;
  }
  return spent;
}

await exact.ready();
const rows: Row[] = [];
for (const limits of [1, 3, 10])
  rows.push(
    await measure(`reserve and settle, ${limits} ${limits === 1 ? "limit" : "limits"}`, () =>
      pair(budgets(limits)),
    ),
  );
rows.push(await measure("reserve and settle, a rate of 1,000 (exact log, full)", () => pair(rates)));
rows.push(await measure("reserve and settle, 60+1 slices", () => pair(slices)));
rows.push(await measure("reserve, 1 limit", () => reserve(exact.ledger, budgets(1))));
rows.push(await measure("PING", () => client.ping()));
const lease = await leaseCost(URL, LEASE_ROUNDS);

printMachine();
console.log("| operation | p50 µs | p99 µs | per second (200 at once) |\n|---|---|---|---|");
for (const { what, p50Us, p99Us, perSecond } of rows)
  console.log(
    `| ${what} | ${p50Us.toPrecision(3)} | ${p99Us.toPrecision(3)} | ${Math.round(perSecond).toLocaleString("en-US")} |`,
  );
console.log(
  `\nBy turns: a PING ${lease.tripUs.toPrecision(3)} µs, reserve and settle from a lease ${lease.leasedUs.toPrecision(3)} µs.`,
);
report([
  {
    name: "calls from a lease in the time of one round trip",
    measured: lease.cheaper,
    goal: CHEAPER,
    sense: "atLeast",
  },
  { name: "round trips of an admission, 1 limit", measured: await commandsOf(1), goal: 1 },
  { name: "round trips of an admission, 20 limits", measured: await commandsOf(20), goal: 1 },
  { name: "overspent by leases", measured: await overspend(), goal: 0 },
]);
await exact.close();
for (const key of await client.keys(`{${namespace}}*`)) await client.unlink(key);
client.disconnect();
