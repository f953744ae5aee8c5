// One process: one engine at one number of policies. Checks it against the reference, warms it up, says so, then times
// it whenever it is asked. Used by decide.bench.ts.
import { createCasl } from "./engines/casl.ts";
import { createEngine } from "./engines/agentplane.ts";
import { createHandWritten } from "./engines/hand-written.ts";
import { median } from "./report.ts";
import {
  createPolicies,
  createRequests,
  referenceAnswer,
  REQUEST_COUNT,
  type BenchEngine,
  type BenchPolicy,
} from "./workload.ts";

/** What a process says of its engine before it is timed. */
export interface Checked {
  readonly engine: string;
  readonly mismatches: number;
}

/** One turn of an engine. */
export interface Round {
  readonly p50Us: number;
  readonly opsPerSecond: number;
}

const ENGINES: Readonly<Record<string, (policies: readonly BenchPolicy[]) => void>> = {
  "hand-written": (policies) => serve(createHandWritten(policies), policies),
  casl: (policies) => serve(createCasl(policies), policies),
  agentplane: (policies) => serve(createEngine(policies), policies),
};

const BATCH = 64;
const WARM_UP_PASSES = 40;
/** The first pass of a turn finds the processor's caches as the engine before left them, and is not timed. */
const TIMED_PASSES = 2;

function serve<Prepared>(engine: BenchEngine<Prepared>, policies: readonly BenchPolicy[]): void {
  const requests = createRequests(policies);
  const prepared = requests.map((request) => engine.prepare(request));
  const mismatches = requests.filter(
    (request, at) => engine.ask(prepared[at]!).isAllowed !== referenceAnswer(policies, request),
  ).length;
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) turn(engine, prepared, 1);
  process.on("message", () => {
    turn(engine, prepared, 1);
    process.send?.(turn(engine, prepared, TIMED_PASSES));
  });
  const checked: Checked = { engine: engine.name, mismatches };
  process.send?.(checked);
}

/** Asks everything so many times, in small batches. */
function turn<Prepared>(engine: BenchEngine<Prepared>, prepared: readonly Prepared[], passes: number): Round {
  const batchesUs: number[] = [];
  const startedMs = performance.now();
  for (let pass = 0; pass < passes; pass++) {
    for (let at = 0; at < REQUEST_COUNT; at += BATCH) {
      const from = performance.now();
      for (let one = at; one < at + BATCH; one++) engine.ask(prepared[one]!);
      batchesUs.push(((performance.now() - from) * 1_000) / BATCH);
    }
  }
  const tookMs = performance.now() - startedMs;
  return { p50Us: median(batchesUs), opsPerSecond: (passes * REQUEST_COUNT * 1_000) / tookMs };
}

const [, , name = "", count] = process.argv;
const start = ENGINES[name];
if (start === undefined) throw new Error(`unknown engine ${name}; one of ${Object.keys(ENGINES).join(", ")}`);
start(createPolicies(Number(count)));
