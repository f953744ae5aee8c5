// Runs every bench/*.bench.ts and packages/*/bench/*.bench.ts (as <package>/<name>) from source, each in a process of its own so that none warms up another's code, and
// fails when one exits non-zero. Usage: node tools/run-benches.mjs [name or package]... [-- arguments for each]
import fs from "node:fs";
import path from "node:path";

import { runScript } from "./run-script.mjs";

const SUFFIX = ".bench.ts";
const given = process.argv.slice(2);
const dashes = given.indexOf("--");
const wanted = dashes === -1 ? given : given.slice(0, dashes);
const args = dashes === -1 ? [] : given.slice(dashes + 1);
const root = path.join(import.meta.dirname, "..");

/** @param {string} folder @param {string} prefix @returns {{ name: string; cwd: string; file: string }[]} */
function benchesIn(folder, prefix) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX))
    .toSorted()
    .map((file) => ({ name: `${prefix}${file.slice(0, -SUFFIX.length)}`, cwd: folder, file }));
}

const packages = fs.readdirSync(path.join(root, "packages")).toSorted();
const benches = [
  ...benchesIn(path.join(root, "bench"), ""),
  ...packages.flatMap((name) => benchesIn(path.join(root, "packages", name, "bench"), `${name}/`)),
];
const names = benches.map(({ name }) => name);
/** @param {string} name @param {string} want */
const isWanted = (name, want) => name === want || name.startsWith(`${want}/`);
const unknown = wanted.filter((want) => !names.some((name) => isWanted(name, want)));
if (unknown.length > 0)
  throw new Error(`no such bench: ${unknown.join(", ")}; there are: ${names.join(", ")}`);

let failed = 0;
for (const { name, cwd, file } of benches) {
  if (wanted.length > 0 && !wanted.some((want) => isWanted(name, want))) continue;
  console.log(`\n=== ${name}`);
  // One after the other: benches that share the cores measure each other.
  // oxlint-disable-next-line no-await-in-loop
  const { code } = await runScript(file, { cwd, args });
  if (code === 0) continue;
  failed += 1;
  console.error(`${name}: exit code ${code}`);
}
if (failed > 0) process.exitCode = 1;
