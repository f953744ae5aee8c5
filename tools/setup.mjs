// Installs what the lockfile names, unless that is what is installed already: every command begins with it, so that
// each works as the first one after `git clone` and costs nothing afterwards.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const PNPM = "pnpm@12.21.0";
const root = path.join(import.meta.dirname, "..");

/** @param {string} file @returns {string | undefined} its text, undefined when there is none */
function textOf(file) {
  const whole = path.join(root, file);
  return fs.existsSync(whole) ? fs.readFileSync(whole, "utf8") : undefined;
}

/** pnpm keeps a copy of the lockfile it installed; every package of the workspace must be linked too. */
function isInstalled() {
  const isSame = textOf("pnpm-lock.yaml") === textOf("node_modules/.pnpm/lock.yaml");
  const packages = ["packages", "examples"].flatMap((folder) =>
    fs.readdirSync(path.join(root, folder)).map((name) => path.join(root, folder, name)),
  );
  return isSame && packages.every((folder) => fs.existsSync(path.join(folder, "node_modules")));
}

if (!isInstalled()) {
  const args = ["-y", "--allow-scripts=pnpm", PNPM, "install", "--frozen-lockfile"];
  const { status, error } = spawnSync("npx", args, { cwd: root, stdio: "inherit" });
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
}
