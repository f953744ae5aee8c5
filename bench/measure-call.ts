import { createGoverned } from "./engines/governed.ts";
import { createHandWritten } from "./engines/hand-written.ts";
import { createPolicies, createRequests, REQUEST_COUNT } from "./workload.ts";

/** What one process measured of whole governed tool calls beside the hand-written index. */
export interface CallMeasurement {
  readonly policies: number;
  readonly handUs: number;
  readonly callUs: number;
  /** The median of the ratios of the rounds: what disturbs a round disturbs both sides of its ratio. */
  readonly ratio: number;
  readonly allocatedBytesPerCall: number;
  readonly records: number;
}

const BATCH = 64;
const ROUNDS = 31;
const WARM_UP_ROUNDS = 6;
const ALLOCATION_CALLS = 4_096;

function p50Us(work: (at: number) => void): number {
  const batchesUs: number[] = [];
  for (let at = 0; at < REQUEST_COUNT; at += BATCH) {
    const from = performance.now();
    for (let one = at; one < at + BATCH; one++) work(one);
    batchesUs.push(((performance.now() - from) * 1_000) / BATCH);
  }
  return median(batchesUs);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Bytes that one call allocates. The process needs `--expose-gc` and a young generation larger than the run. */
function allocatedBytes(work: (at: number) => void): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("start the process with --expose-gc");
  void gc();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < ALLOCATION_CALLS; at++) work(at % REQUEST_COUNT);
  const grown = process.memoryUsage().heapUsed - before;
  if (grown <= 0) throw new Error("the heap was collected meanwhile; give a larger --min-semi-space-size");
  return Math.round(grown / ALLOCATION_CALLS);
}

/** Times rounds of both sides in turn, then counts what a call allocates. */
async function measureCalls(count: number): Promise<CallMeasurement> {
  const policies = createPolicies(count);
  const requests = createRequests(policies);
  const hand = createHandWritten(policies);
  const bound = requests.map((request) => hand.prepare(request));
  const governed = createGoverned(policies);
  let records = 0;
  const unfollow = [
    governed.plane.on("decision", () => void records++),
    governed.plane.on("outcome", () => void records++),
  ];
  governed.call(requests[0]!);
  for (const stop of unfollow) stop();
  const askHand = (at: number): void => void hand.ask(bound[at]!);
  const callGoverned = (at: number): void => governed.call(requests[at]!);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    p50Us(askHand);
    p50Us(callGoverned);
  }
  const rounds = Array.from({ length: ROUNDS }, () => ({ handUs: p50Us(askHand), callUs: p50Us(callGoverned) }));
  const measured: CallMeasurement = {
    policies: count,
    handUs: median(rounds.map(({ handUs }) => handUs)),
    callUs: median(rounds.map(({ callUs }) => callUs)),
    ratio: median(rounds.map(({ handUs, callUs }) => callUs / handUs)),
    allocatedBytesPerCall: allocatedBytes(callGoverned),
    records,
  };
  await governed.plane.close();
  return measured;
}

console.log(JSON.stringify(await measureCalls(Number(process.argv[2] ?? 1_000))));
