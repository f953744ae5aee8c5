// One stateless decision, at 10 to 10,000 policies, beside a hand-written index and CASL: fails above the ratios.
import { execFileSync } from "node:child_process";
import os from "node:os";
import path from "node:path";

import type { Measurement } from "./measure.ts";

const SIZES = [10, 100, 1_000, 10_000];
const REPEATS = 3;
const MAX_OVER_HAND_WRITTEN = 2.5;
const MAX_OVER_CASL = 2;
const MAX_GROWTH = 5;

function runOnce(engine: string, size: number): Measurement {
  const script = path.join(import.meta.dirname, "measure.ts");
  const args = ["--conditions=agentplane-source", script, engine, String(size)];
  const measured: unknown = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  // The child prints exactly one Measurement.
  return measured as Measurement;
}

/** The quietest of several processes: noise only ever adds. */
function best(engine: string, size: number): Measurement {
  const runs = Array.from({ length: REPEATS }, () => runOnce(engine, size));
  return runs.reduce((quietest, run) => (run.p50Us < quietest.p50Us ? run : quietest));
}

const table = new Map<string, Measurement[]>();
for (const size of SIZES) {
  for (const engine of ["hand-written", "casl", "agentplane"]) {
    const measured = best(engine, size);
    table.set(engine, [...(table.get(engine) ?? []), measured]);
    process.stderr.write(`${engine} at ${size}: p50 ${measured.p50Us.toFixed(2)} µs\n`);
  }
}

const at = (engine: string, size: number): Measurement => table.get(engine)![SIZES.indexOf(size)]!;
const cpu = os.cpus();
console.log(`\nnode ${process.version}, ${cpu.length} × ${cpu[0]?.model ?? "unknown"}\n`);
console.log(`| p50 in µs (ops/s) | ${SIZES.join(" | ")} |`);
console.log(`|---|${SIZES.map(() => "---").join("|")}|`);
for (const rows of table.values()) {
  const cells = rows.map(({ p50Us, opsPerSecond }) => `${p50Us.toFixed(2)} (${(opsPerSecond / 1e6).toFixed(2)} M)`);
  console.log(`| ${rows[0]!.engine} | ${cells.join(" | ")} |`);
}

const ratios = [
  ["agentplane / hand-written index at 1,000", at("agentplane", 1_000).p50Us / at("hand-written", 1_000).p50Us, MAX_OVER_HAND_WRITTEN],
  ["agentplane / CASL at 1,000", at("agentplane", 1_000).p50Us / at("casl", 1_000).p50Us, MAX_OVER_CASL],
  ["agentplane p50(10,000) / p50(10)", at("agentplane", 10_000).p50Us / at("agentplane", 10).p50Us, MAX_GROWTH],
] as const;
console.log("\n| ratio | measured | goal |\n|---|---|---|");
for (const [name, measured, goal] of ratios) console.log(`| ${name} | ${measured.toFixed(2)} | ≤ ${goal} |`);
const mismatches = [...table.values()].flat().reduce((sum, one) => sum + one.mismatches, 0);
console.log(`\nanswers that differ from the reference: ${mismatches}`);
if (mismatches > 0 || ratios.some(([, measured, goal]) => measured > goal)) process.exitCode = 1;
