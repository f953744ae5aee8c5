// 10,000 policies of 4 rules read from JSON, checked, compiled and swapped in while decisions go on: from nothing, over
// a set of which a tenth has changed, over the same, and with every rule different. Beside it JSON.parse of the same text.
import { runMeasurement } from "./child.ts";
import type { LoadMeasurement, Swap } from "./measure-load.ts";
import { printMachine, report } from "./report.ts";
import { slowness } from "./slowness.ts";

/** Each in a process of its own: what is loaded first is loaded by code that has never run. */
const PROCESSES = 5;
/** What 200 ms are on a machine on which JSON.parse takes 28 ms for the text: on a busy one only this says anything. */
const PARSES = 7;

// The measurement prints exactly this.
const runs = Array.from(
  { length: PROCESSES },
  () => runMeasurement("measure-load.ts", []) as LoadMeasurement,
);

/** The quietest, because noise only ever adds. */
function least(figure: (run: LoadMeasurement) => number): number {
  return Math.min(...runs.map(figure));
}

function text(figure: (run: LoadMeasurement) => number): string {
  return least(figure).toFixed(1);
}

const NAMES = {
  first: "from nothing",
  changed: "a tenth changed",
  same: "nothing changed",
  varied: "every rule different",
} as const;

function row(kind: keyof typeof NAMES): string {
  const of = (figure: (swap: Swap) => number): string => text(({ swaps }) => figure(swaps[kind]));
  const cells = [
    NAMES[kind],
    of(({ totalMs }) => totalMs),
    of(({ cpuMs }) => cpuMs),
    text(({ swaps, parseCpuMs }) => swaps[kind].cpuMs / parseCpuMs),
    of(({ sliceCount }) => sliceCount),
    of(({ disturbedCount }) => disturbedCount),
    of(({ longestSliceMs }) => longestSliceMs),
    of(({ slowestDecisionMs }) => slowestDecisionMs),
    of(({ slowestDecisionWithPausesMs }) => slowestDecisionWithPausesMs),
    of(({ longestPauseMs }) => longestPauseMs),
  ];
  return `| ${cells.join(" | ")} |`;
}

printMachine();
console.log(`JSON.parse of the text at once: ${text(({ parseMs }) => parseMs)} ms`);
console.log(`createAgentPlane({ policies }) at once: ${text(({ atOnceMs }) => atOnceMs)} ms\n`);
console.log(
  "| 10,000 policies of 4 rules | total, ms | of it processor, ms | / JSON.parse | slices | interrupted | longest slice, ms | slowest decision, ms | with pauses, ms | longest pause, ms |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|");
for (const kind of ["first", "changed", "same", "varied"] as const) console.log(row(kind));

const slowest = (figure: (swap: Swap) => number): number =>
  least(({ swaps }) => Math.max(figure(swaps.first), figure(swaps.changed), figure(swaps.same)));
report(
  [
    {
      name: "from nothing, ms in all",
      measured: least(({ swaps }) => swaps.first.totalMs),
      goal: 200,
      limit: 1_200,
      isOfWork: true,
    },
    {
      name: "from nothing, processor time / JSON.parse",
      measured: least(({ swaps, parseCpuMs }) => swaps.first.cpuMs / parseCpuMs),
      goal: PARSES,
      limit: 11,
    },
    {
      name: "a tenth changed, ms in all",
      measured: least(({ swaps }) => swaps.changed.totalMs),
      goal: 200,
      limit: 1_000,
      isOfWork: true,
    },
    {
      name: "a tenth changed, processor time / JSON.parse",
      measured: least(({ swaps, parseCpuMs }) => swaps.changed.cpuMs / parseCpuMs),
      goal: PARSES,
      limit: 7,
    },
    {
      name: "every rule different, processor time / JSON.parse",
      measured: least(({ swaps, parseCpuMs }) => swaps.varied.cpuMs / parseCpuMs),
      goal: PARSES,
      limit: 25,
    },
    {
      name: "longest slice, ms",
      measured: slowest(({ longestSliceMs }) => longestSliceMs),
      goal: 2,
      limit: 5,
      isOfWork: true,
    },
    {
      name: "slowest decision during the swap, ms",
      measured: slowest(({ slowestDecisionMs }) => slowestDecisionMs),
      goal: 5,
      limit: 10,
      isOfWork: true,
    },
    {
      name: "policies in force",
      measured: least(({ policies }) => policies),
      goal: 10_000,
      sense: "atLeast",
    },
  ],
  await slowness(),
);
if (runs.some(({ effect }) => effect !== "allow")) throw new Error("the swapped policies do not decide");
