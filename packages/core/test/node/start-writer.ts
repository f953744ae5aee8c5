import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";

const SCRIPT = path.join(import.meta.dirname, "append-until-killed.ts");

/**
 * Starts a process that writes durable records to an audit directory without end, and waits for its first
 * acknowledgements.
 * @param name Begins the subject of its records. Default: none.
 * @param options Of its sink, beside the directory.
 */
export async function startWriter(directory: string, name = "", options: Partial<JsonlSinkOptions> = {}) {
  const args = [SCRIPT, directory, name, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  while (output.split("\n").length < 100) {
    // oxlint-disable-next-line no-await-in-loop
    await once(child.stdout, "data");
  }
  return {
    async kill(): Promise<readonly string[]> {
      child.kill("SIGKILL");
      await once(child, "close");
      // The last may be half of one.
      return output.split("\n").slice(0, -1);
    },
  };
}
