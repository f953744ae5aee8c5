import os from "node:os";

/** One figure of a bench, told against what is wanted and what is tolerated. */
export interface Figure {
  readonly name: string;
  readonly measured: number;
  /** What the project wants; a miss is printed, and says so. */
  readonly goal: number;
  /** The bench fails beyond this: a guard against getting worse, wide enough for a shared machine. Default: the goal. */
  readonly limit?: number;
  /** `atMost` (default) or `atLeast`. */
  readonly sense?: "atMost" | "atLeast";
}

/** Prints what this ran on: absolute times mean nothing without it. */
export function printMachine(): void {
  const cpus = os.cpus();
  const load = os.loadavg()[0]?.toFixed(1);
  console.log(`\nnode ${process.version}, ${cpus.length} × ${cpus[0]?.model ?? "unknown"}, load ${load}\n`);
}

/** Prints figures as a Markdown table; the process fails when one is beyond its limit. */
export function report(figures: readonly Figure[]): void {
  console.log("\n| figure | measured | goal | fails beyond | |\n|---|---|---|---|---|");
  for (const { name, measured, goal, limit = goal, sense = "atMost" } of figures) {
    const isWithin = (bound: number): boolean => (sense === "atMost" ? measured <= bound : measured >= bound);
    const sign = sense === "atMost" ? "≤" : "≥";
    const verdict = isWithin(goal) ? "met" : isWithin(limit) ? "goal missed" : "FAILED";
    console.log(`| ${name} | ${text(measured)} | ${sign} ${text(goal)} | ${text(limit)} | ${verdict} |`);
    if (!isWithin(limit)) process.exitCode = 1;
  }
}

function text(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** The middle of some values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
