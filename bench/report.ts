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
  /**
   * Whether the processor's speed decides it: a time of its work, or (`atLeast`) work per time. Goals in absolute units are
   * from one machine, so such a figure is judged as it would be there. Default: false, as for a ratio.
   */
  readonly isOfWork?: boolean;
}

/** Prints what this ran on: absolute times mean nothing without it. */
export function printMachine(): void {
  const cpus = os.cpus();
  const load = os.loadavg()[0]?.toFixed(1);
  console.log(`\nnode ${process.version}, ${cpus.length} × ${cpus[0]?.model ?? "unknown"}, load ${load}\n`);
}

/**
 * Prints figures as a Markdown table; the process fails when one is beyond its limit, or is none at all.
 * @param slowness How many times as long as there work takes here, from `slowness`. Default: 1.
 */
export function report(figures: readonly Figure[], slowness = 1): void {
  console.log("\n| figure | measured | judged as | goal | fails beyond | |\n|---|---|---|---|---|---|");
  for (const { name, measured, goal, limit = goal, sense = "atMost", isOfWork = false } of figures) {
    const judged = !isOfWork ? measured : sense === "atMost" ? measured / slowness : measured * slowness;
    const isWithin = (bound: number): boolean => (sense === "atMost" ? judged <= bound : judged >= bound);
    const sign = sense === "atMost" ? "≤" : "≥";
    const verdict = isWithin(goal) ? "met" : isWithin(limit) ? "goal missed" : "FAILED";
    const cells = [name, text(measured), text(judged), `${sign} ${text(goal)}`, text(limit), verdict];
    console.log(`| ${cells.join(" | ")} |`);
    if (verdict === "FAILED") process.exitCode = 1;
  }
}

function text(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** The middle of some values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
