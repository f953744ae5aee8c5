import { createGoverned, type Governed } from "./engines/governed.ts";
import { createHandWritten } from "./engines/hand-written.ts";
import { median } from "./report.ts";
import { createPolicies, createRequests, REQUEST_COUNT } from "./workload.ts";

/** What one process measured of whole governed tool calls beside the hand-written index. */
export interface CallTiming {
  readonly handUs: number;
  readonly callUs: number;
  /** The median of the ratios of the rounds: what disturbs a round disturbs both sides of its ratio. */
  readonly ratio: number;
}

/** What one governed call allocates and leaves. */
export interface CallAllocation {
  readonly bytesPerCall: number;
  readonly recordsPerCall: number;
}

const HAND_BATCH = 64;
/**
 * A batch of either side takes about as long. On a busy machine one of 64 governed calls, some milliseconds, is nearly always
 * interrupted, and one of 64 decisions, some tens of microseconds, nearly never: then their medians tell how busy it is.
 */
const CALL_BATCH = 2;
const ROUNDS = 31;
const WARM_UP_ROUNDS = 6;
const ALLOCATION_CALLS = 4_096;

function p50Us(work: (at: number) => void, batch: number): number {
  const batchesUs: number[] = [];
  for (let at = 0; at < REQUEST_COUNT; at += batch) {
    const from = performance.now();
    for (let one = at; one < at + batch; one++) work(one);
    batchesUs.push(((performance.now() - from) * 1_000) / batch);
  }
  return median(batchesUs);
}

/**
 * Bytes that one call allocates. The process needs `--expose-gc` and a young generation larger than the run.
 *
 * A full collection drops the code compiled for objects of which none is left; what code that is not compiled yet boxes,
 * and the compiling itself, would be counted too. So calls are warmed up again between the collection and the count.
 */
function allocatedBytes(work: (at: number) => void): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("start the process with --expose-gc");
  gc();
  for (let round = 0; round < WARM_UP_ROUNDS; round++) p50Us(work, CALL_BATCH);
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < ALLOCATION_CALLS; at++) work(at % REQUEST_COUNT);
  const grown = process.memoryUsage().heapUsed - before;
  if (grown <= 0) throw new Error("the heap was collected meanwhile; give a larger --min-semi-space-size");
  return Math.round(grown / ALLOCATION_CALLS);
}

interface Sides {
  askHand(at: number): void;
  callGoverned(at: number): void;
  readonly governed: Governed;
}

function createSides(count: number): Sides {
  const policies = createPolicies(count);
  const requests = createRequests(policies);
  const hand = createHandWritten(policies);
  const bound = requests.map((request) => hand.prepare(request));
  const governed = createGoverned(policies);
  return {
    askHand: (at) => void hand.ask(bound[at]!),
    callGoverned: (at) => governed.call(requests[at]!),
    governed,
  };
}

/** Times rounds of both sides in turn. */
function time({ askHand, callGoverned }: Sides): CallTiming {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    p50Us(askHand, HAND_BATCH);
    p50Us(callGoverned, CALL_BATCH);
  }
  const rounds = Array.from({ length: ROUNDS }, () => ({
    handUs: p50Us(askHand, HAND_BATCH),
    callUs: p50Us(callGoverned, CALL_BATCH),
  }));
  return {
    handUs: median(rounds.map(({ handUs }) => handUs)),
    callUs: median(rounds.map(({ callUs }) => callUs)),
    ratio: median(rounds.map(({ handUs, callUs }) => callUs / handUs)),
  };
}

function allocate({ callGoverned, governed }: Sides): CallAllocation {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) p50Us(callGoverned, CALL_BATCH);
  const bytesPerCall = allocatedBytes(callGoverned);
  let recordsPerCall = 0;
  const unfollow = (["decision", "outcome"] as const).map((kind) =>
    governed.plane.on(kind, () => void recordsPerCall++),
  );
  callGoverned(0);
  for (const stop of unfollow) stop();
  return { bytesPerCall, recordsPerCall };
}

const [, , what, count] = process.argv;
const sides = createSides(Number(count));
console.log(JSON.stringify(what === "allocate" ? allocate(sides) : time(sides)));
await sides.governed.plane.close();
