// One stateless decision, at 10 to 10,000 policies, beside a hand-written index and CASL: a process each, all of them
// timed in turn, so that what disturbs the machine disturbs both sides of a ratio.
import { startWorker, type Worker } from "./child.ts";
import type { Checked, Round } from "./measure.ts";
import { median, printMachine, report } from "./report.ts";

const SIZES = [10, 100, 1_000, 10_000] as const;
const ENGINES = ["hand-written", "casl", "agentplane"] as const;
/** How code and data come to lie in memory is luck, and lasts as long as a process. */
const FLEETS = 3;
const ROUNDS = 21;

type Size = (typeof SIZES)[number];

/** One engine at one size, with its turn in every round of every fleet. */
interface Series {
  readonly engine: string;
  readonly size: Size;
  readonly rounds: Round[];
  readonly title: string;
  readonly mismatches: number;
}

/** Starts a process per engine and size, times them in turn, each round from another one on, and adds to the series. */
async function runFleet(all: readonly Series[]): Promise<readonly Series[]> {
  const workers: Worker[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other: while one warms up nothing else computes
  for (const { engine, size } of all) workers.push(await startWorker("measure.ts", [engine, String(size)]));
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < workers.length; turn++) {
      const at = (turn + round) % workers.length;
      // The worker sends what its exported type says.
      // oxlint-disable-next-line no-await-in-loop -- in turn is the point
      all[at]!.rounds.push((await workers[at]!.measure()) as Round);
    }
  }
  for (const worker of workers) worker.stop();
  return all.map((series, at) => {
    // As above.
    const { engine: title, mismatches } = workers[at]!.ready as Checked;
    return { ...series, title, mismatches: series.mismatches + mismatches };
  });
}

let all: readonly Series[] = SIZES.flatMap((size) =>
  ENGINES.map((engine) => ({ engine, size, rounds: [], title: engine, mismatches: 0 })),
);
// oxlint-disable-next-line no-await-in-loop -- one after the other
for (let fleet = 0; fleet < FLEETS; fleet++) all = await runFleet(all);

function roundsOf(engine: (typeof ENGINES)[number], size: Size): readonly Round[] {
  return all.find((series) => series.engine === engine && series.size === size)?.rounds ?? [];
}

/** The ratio of two series round by round: its quarters. */
function quartersOf(above: readonly Round[], below: readonly Round[]): readonly [number, number, number] {
  const ratios = above.map(({ p50Us }, at) => p50Us / below[at]!.p50Us).toSorted((a, b) => a - b);
  const at = (share: number): number => ratios[Math.floor(ratios.length * share)]!;
  return [at(0.25), at(0.5), at(0.75)];
}

const toHand = quartersOf(roundsOf("agentplane", 1_000), roundsOf("hand-written", 1_000));
const toCasl = quartersOf(roundsOf("agentplane", 1_000), roundsOf("casl", 1_000));
const growth = quartersOf(roundsOf("agentplane", 10_000), roundsOf("agentplane", 10));

printMachine();
console.log(`| p50 in µs (ops/s) | ${SIZES.join(" | ")} |`);
console.log(`|---|${SIZES.map(() => "---").join("|")}|`);
for (const engine of ENGINES) {
  const cells = SIZES.map((size) => {
    const rounds = roundsOf(engine, size);
    const ops = median(rounds.map(({ opsPerSecond }) => opsPerSecond));
    return `${median(rounds.map(({ p50Us }) => p50Us)).toFixed(2)} (${(ops / 1e6).toFixed(2)} M)`;
  });
  const title = all.find((series) => series.engine === engine)?.title ?? engine;
  console.log(`| ${title} | ${cells.join(" | ")} |`);
}
console.log(`\nHalf of the ${FLEETS * ROUNDS} rounds lie between:`);
for (const [name, [from, , to]] of Object.entries({ index: toHand, CASL: toCasl, growth }))
  console.log(`- ${name}: ${from.toFixed(2)} and ${to.toFixed(2)}`);
report([
  { name: "agentplane / hand-written index at 1,000", measured: toHand[1], goal: 2.5, limit: 6 },
  { name: "agentplane / CASL at 1,000", measured: toCasl[1], goal: 2, limit: 6 },
  { name: "agentplane p50(10,000) / p50(10)", measured: growth[1], goal: 5 },
  {
    name: "answers that differ from the reference",
    measured: all.reduce((sum, { mismatches }) => sum + mismatches, 0),
    goal: 0,
  },
]);
