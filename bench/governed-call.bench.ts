// A full governed tool call — match, redact, rate, budget reserve and settle, decision and outcome records, buffered —
// beside the hand-written index in the same process, in turn.
import { runMeasurement } from "./child.ts";
import type { CallAllocation, CallTiming } from "./measure-call.ts";
import { median, printMachine, report } from "./report.ts";

const SIZE = "1000";
const REPEATS = 3;
/** A young generation that no collection interrupts while allocations are counted. */
const COUNTING = ["--expose-gc", "--min-semi-space-size=512", "--max-semi-space-size=512"];

// The script prints what its exported types say.
const timeOnce = (): CallTiming => runMeasurement("measure-call.ts", ["time", SIZE]) as CallTiming;
const timings = Array.from({ length: REPEATS }, timeOnce);
const counted = runMeasurement("measure-call.ts", ["allocate", SIZE], COUNTING) as CallAllocation;

printMachine();
console.log(
  "| process | hand-written index, p50 µs | governed call, p50 µs | median ratio of the rounds |\n|---|---|---|---|",
);
for (const [index, { handUs, callUs, ratio }] of timings.entries()) {
  console.log(`| ${index + 1} | ${handUs.toFixed(2)} | ${callUs.toFixed(2)} | ${ratio.toFixed(1)} |`);
}
report([
  {
    name: `governed tool call / hand-written index at ${SIZE}`,
    measured: median(timings.map(({ ratio }) => ratio)),
    goal: 40,
    limit: 160,
  },
  { name: "allocated per governed call, KB", measured: counted.bytesPerCall / 1_024, goal: 7, limit: 12 },
  { name: "records per governed call", measured: counted.recordsPerCall, goal: 2, sense: "atLeast" },
]);
