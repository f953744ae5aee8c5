import { cpus } from "node:os";

/** One call, with or without us. */
export type Call = () => Promise<unknown>;

/** What was added to a call, and how much may be. */
export interface Added {
  readonly what: string;
  readonly added: number;
  readonly goal: number;
  readonly unit: "µs" | "ms";
}

const [ROUNDS, WARM_UP, CALLS] = [101, 20, 200];
/** A goal is missed on a busy machine; so many times as much is a mistake. */
const WORSE = 5;

/** µs of the processor that governing adds, of the fastest of many rounds that take turns: a busy machine only ever adds. */
export async function addedUs(plain: Call, governed: Call): Promise<number> {
  const times: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [at, call] of [plain, governed].entries()) {
      const before = process.cpuUsage();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      for (let index = 0; index < CALLS; index++) await call();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) times[at]?.push((user + system) / CALLS);
    }
  }
  return Math.min(...times[1]) - Math.min(...times[0]);
}

/** Prints a table, and fails the process where a goal is missed by far. */
export function report(rows: readonly Added[]): void {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n`);
  console.log("| added | measured | goal | fails beyond | |\n|---|---|---|---|---|");
  for (const { what, added, goal, unit } of rows) {
    // Written so that no figure at all is a failure too.
    const verdict = added <= goal ? "met" : added <= goal * WORSE ? "goal missed" : "FAILED";
    console.log(`| ${what}, ${unit} | ${added.toFixed(2)} | ≤ ${goal} | ${goal * WORSE} | ${verdict} |`);
    if (verdict === "FAILED") process.exitCode = 1;
  }
}
