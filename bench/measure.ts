import { createCasl } from "./engines/casl.ts";
import { createEngine } from "./engines/agentplane.ts";
import { createHandWritten } from "./engines/hand-written.ts";
import {
  createPolicies,
  createRequests,
  referenceAnswer,
  REQUEST_COUNT,
  type BenchEngine,
  type BenchPolicy,
} from "./workload.ts";

/** What one process measured of one engine at one number of policies. */
export interface Measurement {
  readonly engine: string;
  readonly policies: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly opsPerSecond: number;
  readonly mismatches: number;
}

const ENGINES: Readonly<Record<string, (policies: readonly BenchPolicy[]) => Measurement>> = {
  "hand-written": (policies) => measureEngine(createHandWritten(policies), policies),
  casl: (policies) => measureEngine(createCasl(policies), policies),
  agentplane: (policies) => measureEngine(createEngine(policies), policies),
};

const BATCH = 64;
const ROUNDS = 60;
const WARM_UP_ROUNDS = 20;

/** Checks an engine against the reference, warms it up, then times it in small batches. */
function measureEngine<Prepared>(
  engine: BenchEngine<Prepared>,
  policies: readonly BenchPolicy[],
): Measurement {
  const requests = createRequests(policies);
  const prepared = requests.map((request) => engine.prepare(request));
  const mismatches = requests.filter(
    (request, at) => engine.ask(prepared[at]!).isAllowed !== referenceAnswer(policies, request),
  ).length;
  for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const one of prepared) engine.ask(one);
  const batchesUs: number[] = [];
  const startedMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) {
    for (let at = 0; at < REQUEST_COUNT; at += BATCH) {
      const from = performance.now();
      for (let one = at; one < at + BATCH; one++) engine.ask(prepared[one]!);
      batchesUs.push(((performance.now() - from) * 1_000) / BATCH);
    }
  }
  const tookMs = performance.now() - startedMs;
  batchesUs.sort((a, b) => a - b);
  return {
    engine: engine.name,
    policies: policies.length,
    p50Us: batchesUs[Math.floor(batchesUs.length / 2)]!,
    p99Us: batchesUs[Math.floor(batchesUs.length * 0.99)]!,
    opsPerSecond: Math.round((ROUNDS * REQUEST_COUNT) / (tookMs / 1_000)),
    mismatches,
  };
}

const [, , name = "", count] = process.argv;
const measure = ENGINES[name];
if (measure === undefined)
  throw new Error(`unknown engine ${name}; one of ${Object.keys(ENGINES).join(", ")}`);
console.log(JSON.stringify(measure(createPolicies(Number(count)))));
