/** What the proxy adds to a `tools/call`: the same client and server without and with it, by turns in one run. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { median, printMachine, report, type Figure } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";

import { httpWay, stdioWay, type Way } from "./way.ts";

const ROUNDS = 5;
const IN_FLIGHT = 32;
const POLICIES = `apiVersion: agentplane/v1
policies:
  - id: bench
    blocking:
      - { rule: denylist, tools: [wipe] }
      - { rule: redact, detect: [email] }
      - { rule: rate, limit: 100000000, window: 1h, per: tenant }
    nonBlocking:
      - { rule: audit }
`;

/** What is wanted, and what is tolerated: beyond that the bench fails, a guard against getting worse on a shared machine. */
const GOALS = {
  stdio: { addedMs: 0.15, mostMs: 1, perSecond: 10_000, leastPerSecond: 1_000 },
  http: { addedMs: 0.4, mostMs: 2, perSecond: 0, leastPerSecond: 0 },
} as const;

interface Timings {
  readonly alone: number[];
  /** The middle of each round. */
  readonly p50: number[];
  perSecond: number;
}

async function oneByOne(way: Way, count: number): Promise<number[]> {
  const took: number[] = [];
  for (let at = 0; at < count; at++) {
    const from = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one call at a time is what is measured
    const answer = await way.call();
    took.push(performance.now() - from);
    if (!answer.includes("xxxxx")) throw new Error(`a call was not answered: ${answer}`);
  }
  return took;
}

async function perSecond(way: Way, count: number): Promise<number> {
  const from = performance.now();
  const each = Array.from({ length: IN_FLIGHT }, () => oneByOne(way, Math.ceil(count / IN_FLIGHT)));
  await Promise.all(each);
  return count / ((performance.now() - from) / 1_000);
}

async function measure(
  name: keyof typeof GOALS,
  calls: number,
  [direct, proxied]: readonly [Way, Way],
): Promise<readonly Figure[]> {
  const ways = [direct, proxied];
  const figures = ways.map((): Timings => ({ alone: [], p50: [], perSecond: 0 }));
  for (const way of ways) {
    // oxlint-disable-next-line no-await-in-loop -- both are warm before either is measured
    await perSecond(way, calls * 2);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, way] of ways.entries()) {
      const one = figures[at];
      if (one === undefined) continue;
      // oxlint-disable-next-line no-await-in-loop -- by turns
      const took = await oneByOne(way, calls);
      one.alone.push(...took);
      one.p50.push(median(took));
      // oxlint-disable-next-line no-await-in-loop
      one.perSecond = Math.max(one.perSecond, await perSecond(way, calls * 4));
    }
  }
  for (const [at, { alone, perSecond: best }] of figures.entries()) {
    alone.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => (alone[Math.floor(alone.length * part)] ?? 0).toFixed(3));
    console.log(`| ${name} | ${at === 0 ? "direct" : "proxied"} | ${p50} | ${p99} | ${Math.round(best)} |`);
  }
  return figuresOf(name, figures);
}

/** Each round is compared with itself: what else the machine does meanwhile slows both ways. */
function figuresOf(name: keyof typeof GOALS, [direct, proxied]: readonly Timings[]): readonly Figure[] {
  const { addedMs, mostMs, perSecond: wanted, leastPerSecond } = GOALS[name];
  const added = (proxied?.p50 ?? []).map((p50, round) => p50 - (direct?.p50[round] ?? Number.NaN));
  return [
    {
      name: `${name}, added at p50, ms`,
      measured: median(added),
      goal: addedMs,
      limit: mostMs,
      isOfWork: true,
    },
    {
      name: `${name}, calls/s, ${IN_FLIGHT} in flight`,
      measured: proxied?.perSecond ?? Number.NaN,
      goal: wanted,
      limit: leastPerSecond,
      sense: "atLeast",
      isOfWork: true,
    },
  ];
}

const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-bench-"));
const policy = path.join(folder, "policies.yaml");
writeFileSync(policy, POLICIES);
const flags = (name: string): readonly string[] =>
  `--policy ${policy} --audit ${path.join(folder, name)} --tenant acme`.split(" ");
const ways: Way[] = [];
try {
  console.log(
    `| transport | way | p50 ms | p99 ms | calls/s, ${IN_FLIGHT} in flight |\n| --- | --- | --- | --- | --- |`,
  );
  const overStdio = [await stdioWay(undefined), await stdioWay(flags("stdio"))] as const;
  ways.push(...overStdio);
  const figures = [...(await measure("stdio", 2_000, overStdio))];
  const overHttp = [await httpWay(undefined), await httpWay(flags("http"))] as const;
  ways.push(...overHttp);
  figures.push(...(await measure("http", 1_000, overHttp)));
  printMachine();
  report(figures, await slowness());
} finally {
  await Promise.all(ways.map((way) => way.close()));
  rmSync(folder, { recursive: true, force: true });
}
