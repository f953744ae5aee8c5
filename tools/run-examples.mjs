// Runs every example in examples/ from source and fails when one exits non-zero or lacks a marker it promises in
// its markers.json. Usage: node tools/run-examples.mjs [--except <name>]...
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { missingMarkers, readMarkers } from "./markers.mjs";
import { runScript } from "./run-script.mjs";

const { values } = parseArgs({ options: { except: { type: "string", multiple: true, default: [] } } });
const folder = path.join(import.meta.dirname, "../examples");
const names = fs
  .readdirSync(folder)
  .filter((name) => fs.existsSync(path.join(folder, name, "package.json")))
  .filter((name) => !values.except.includes(name))
  .toSorted();

/** @param {string} name @returns {Promise<string[]>} what is wrong with the example's run, empty when nothing is */
async function problemsOf(name) {
  const cwd = path.join(folder, name);
  const { code, output } = await runScript("src/main.ts", { cwd });
  const file = path.join(cwd, "markers.json");
  const missing = fs.existsSync(file) ? missingMarkers(output, readMarkers(file)) : [];
  const problems = missing.map((marker) => `marker missing or out of order: ${marker}`);
  return code === 0 ? problems : [`exit code ${code}`, ...problems];
}

let failed = 0;
for (const name of names) {
  console.log(`\n=== examples/${name}`);
  // One after the other: two timelines in one terminal cannot be read.
  // oxlint-disable-next-line no-await-in-loop
  const problems = await problemsOf(name);
  if (problems.length > 0) failed += 1;
  for (const problem of problems) console.error(`examples/${name}: ${problem}`);
}
console.log(`\nexamples: ${names.length - failed} of ${names.length} as promised`);
if (failed > 0) process.exitCode = 1;
