// Runs one TypeScript program of this repository on the Node.js that runs this, straight from source.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/**
 * Runs a program to its end, passing its output on while it runs.
 * @param {string} file the program, absolute or relative to `cwd`
 * @param {{ cwd: string, args?: readonly string[] }} options where it runs and what it is told
 * @returns {Promise<{ code: number, output: string }>} its exit code (1 when killed by a signal) and what it printed to stdout
 */
export async function runScript(file, { cwd, args = [] }) {
  const child = spawn(process.execPath, ["--conditions=agentplane-source", file, ...args], {
    cwd,
    // Never a terminal on stdin: a program that would ask a person must answer by itself here.
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  child.stdout.on("data", (chunk) => process.stdout.write(chunk));
  const [output, code] = await Promise.all([text(child.stdout), exited]);
  return { code, output };
}
