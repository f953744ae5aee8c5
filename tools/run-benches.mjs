// Runs every bench/*.bench.ts from source, each in a process of its own so that none warms up another's code, and
// fails when one exits non-zero. Usage: node tools/run-benches.mjs [name]... [-- arguments for each]
import fs from "node:fs";
import path from "node:path";

import { runScript } from "./run-script.mjs";

const SUFFIX = ".bench.ts";
const given = process.argv.slice(2);
const dashes = given.indexOf("--");
const wanted = dashes === -1 ? given : given.slice(0, dashes);
const args = dashes === -1 ? [] : given.slice(dashes + 1);
const cwd = path.join(import.meta.dirname, "../bench");
const names = fs
  .readdirSync(cwd)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
  .toSorted();
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0)
  throw new Error(`no such bench: ${unknown.join(", ")}; there are: ${names.join(", ")}`);

let failed = 0;
for (const name of wanted.length > 0 ? wanted : names) {
  console.log(`\n=== bench/${name}${SUFFIX}`);
  // One after the other: benches that share the cores measure each other.
  // oxlint-disable-next-line no-await-in-loop
  const { code } = await runScript(`${name}${SUFFIX}`, { cwd, args });
  if (code === 0) continue;
  failed += 1;
  console.error(`bench/${name}${SUFFIX}: exit code ${code}`);
}
if (failed > 0) process.exitCode = 1;
