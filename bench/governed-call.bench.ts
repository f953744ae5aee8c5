// A full governed tool call — match, redact, rate, budget reserve and settle, decision and outcome records — beside the
// hand-written index in the same process: fails above the ratio.
import { createAgentPlane, rule } from "@agentplane/core";

import { createHandWritten } from "./engines/hand-written.ts";
import { createPolicies, createRequests, REQUEST_COUNT } from "./workload.ts";

const MAX_OVER_HAND_WRITTEN = 40;
const SIZE = 1_000;
const ROUNDS = 12;

const policies = createPolicies(SIZE);
const requests = createRequests(policies);
const plane = createAgentPlane({
  policies: [
    ...policies.map(({ id, tenant, tool }) => ({
      id,
      selector: { tenants: [tenant], tools: [tool] },
      blocking: [
        rule.allowlist({ tools: [tool] }),
        rule.redact({ fields: ["ssn"] }),
        rule.rate({ limit: 1_000_000, window: "1h", per: "tenant" }),
        rule.loop({ maxIterations: 1_000_000_000 }),
      ],
    })),
  ],
  tools: Object.fromEntries(policies.slice(0, 10).map(({ tool }) => [tool, { access: "read", external: false } as const])),
});
const hand = createHandWritten(policies);
const bound = requests.map((request) => hand.prepare(request));
const result = { rows: [{ id: 1, ssn: "123-45-6789" }] };

function governed(at: number): void {
  const { agent, tenant, tool, amount } = requests[at]!;
  const outcome = plane.guard.toolCall({
    context: plane.guard.context({ hookpoint: "before_tool_call", agent, tenant, session: "s", tool: { name: tool, input: { amount } } }),
    run: () => result,
  });
  if ("then" in outcome) throw new Error("an in-memory call must be synchronous");
  if (outcome.status !== "ran" || outcome.result.rows[0]?.ssn === "123-45-6789") throw new Error("not governed");
}

function p50Us(work: (at: number) => void): number {
  const batches: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let at = 0; at < REQUEST_COUNT; at += 64) {
      const from = performance.now();
      for (let one = at; one < at + 64; one++) work(one);
      batches.push(((performance.now() - from) * 1_000) / 64);
    }
  }
  batches.sort((a, b) => a - b);
  return batches[Math.floor(batches.length / 2)]!;
}

p50Us((at) => hand.ask(bound[at]!));
p50Us(governed);
const handUs = p50Us((at) => hand.ask(bound[at]!));
const heapBefore = process.memoryUsage().heapUsed;
const callUs = p50Us(governed);
const ratio = callUs / handUs;
console.log(`hand-written index ${handUs.toFixed(2)} µs, governed call ${callUs.toFixed(2)} µs`);
console.log(`| ratio | measured | goal |\n|---|---|---|`);
console.log(`| governed tool call / hand-written index at ${SIZE} | ${ratio.toFixed(1)} | ≤ ${MAX_OVER_HAND_WRITTEN} |`);
console.log(`heap growth during the timed part: ${((process.memoryUsage().heapUsed - heapBefore) / 1e6).toFixed(1)} MB`);
if (ratio > MAX_OVER_HAND_WRITTEN) process.exitCode = 1;
await plane.close();
