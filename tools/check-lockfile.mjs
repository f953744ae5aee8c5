// Lists the optional platform packages that an installed package declares and the lockfile lacks: a lockfile
// written on one platform that misses them fails on another. Usage: node tools/check-lockfile.mjs [root]
import fs from "node:fs";
import path from "node:path";

const root = process.argv[2] ?? ".";
const lockfile = fs.readFileSync(path.join(root, "pnpm-lock.yaml"), "utf8");
const store = path.join(root, "node_modules/.pnpm");

/** @param {string} folder @returns {string[]} the packages in a node_modules folder, scoped ones included */
function packagesIn(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .flatMap((name) =>
      name.startsWith("@")
        ? fs.readdirSync(path.join(folder, name)).map((inner) => `${name}/${inner}`)
        : name,
    )
    .map((name) => path.join(folder, name))
    .filter((directory) => fs.existsSync(path.join(directory, "package.json")))
    .filter((directory) => !fs.lstatSync(directory).isSymbolicLink());
}

let total = 0;
let miss = 0;
for (const entry of fs.readdirSync(store)) {
  for (const directory of packagesIn(path.join(store, entry, "node_modules"))) {
    const manifest = JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8"));
    for (const [name, version] of Object.entries(manifest.optionalDependencies ?? {})) {
      total += 1;
      if (lockfile.includes(`${name}@`)) continue;
      miss += 1;
      console.log(`${manifest.name}@${manifest.version} -> ${name}@${version}`);
    }
  }
}
console.log(`${total} optional dependencies, miss: ${miss}`);
if (miss > 0) process.exitCode = 1;
