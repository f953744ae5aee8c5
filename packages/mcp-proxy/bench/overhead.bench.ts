/** What the proxy adds to a `tools/call`: the same client and server without and with it, by turns in one run. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

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

interface Figures {
  readonly alone: number[];
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
  name: string,
  calls: number,
  ways: readonly (readonly [string, Way])[],
): Promise<void> {
  const figures = new Map<string, Figures>(ways.map(([of]) => [of, { alone: [], perSecond: 0 }]));
  for (const [, way] of ways) {
    // oxlint-disable-next-line no-await-in-loop -- both are warm before either is measured
    await perSecond(way, calls * 2);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [of, way] of ways) {
      const one = figures.get(of);
      if (one === undefined) continue;
      // oxlint-disable-next-line no-await-in-loop -- by turns
      one.alone.push(...(await oneByOne(way, calls)));
      // oxlint-disable-next-line no-await-in-loop
      one.perSecond = Math.max(one.perSecond, await perSecond(way, calls * 4));
    }
  }
  for (const [of, { alone, perSecond: best }] of figures) {
    alone.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => (alone[Math.floor(alone.length * part)] ?? 0).toFixed(3));
    console.log(`| ${name} | ${of} | ${p50} | ${p99} | ${Math.round(best)} |`);
  }
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
  await measure("stdio", 2_000, [
    ["direct", overStdio[0]],
    ["proxied", overStdio[1]],
  ]);
  const overHttp = [await httpWay(undefined), await httpWay(flags("http"))] as const;
  ways.push(...overHttp);
  await measure("http", 1_000, [
    ["direct", overHttp[0]],
    ["proxied", overHttp[1]],
  ]);
} finally {
  await Promise.all(ways.map((way) => way.close()));
  rmSync(folder, { recursive: true, force: true });
}
