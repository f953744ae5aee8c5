import { execFileSync } from "node:child_process";
import path from "node:path";

/**
 * Runs a measurement in a process of its own, so that no engine warms up or spoils another's code.
 * @param script A file of this folder that prints one JSON value.
 * @param args For the script.
 * @param nodeFlags For the process.
 * @returns The value.
 */
export function runMeasurement(
  script: string,
  args: readonly string[],
  nodeFlags: readonly string[] = [],
): unknown {
  const file = path.join(import.meta.dirname, script);
  const flags = ["--conditions=agentplane-source", ...nodeFlags];
  const printed = execFileSync(process.execPath, [...flags, file, ...args], { encoding: "utf8" });
  return JSON.parse(printed);
}
