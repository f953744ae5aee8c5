import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";

const SCRIPT = path.join(import.meta.dirname, "append-until-killed.ts");

/** Runs what follows as a container does: process 1 of its own PID namespace, under the host name of this machine. */
const CONTAINER = ["unshare", "--pid", "--fork", "--map-root-user", "--mount-proc", "--kill-child"];

/** Whether this system lets a test make namespaces. */
export function canContain(): boolean {
  const [command = "", ...args] = CONTAINER;
  return spawnSync(command, [...args, "true"]).status === 0;
}

/**
 * Starts a process that writes durable records to an audit directory without end, and waits for its first
 * acknowledgements.
 * @param name Begins the subject of its records. Default: none.
 * @param options Of its sink, beside the directory, and whether it is alone in a PID namespace.
 */
export async function startWriter(
  directory: string,
  name = "",
  { isContained = false, ...options }: Partial<JsonlSinkOptions> & { readonly isContained?: boolean } = {},
) {
  const node = [process.execPath, SCRIPT, directory, name, JSON.stringify(options)];
  const [command = "", ...args] = isContained ? [...CONTAINER, ...node] : node;
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
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

/**
 * The subjects of the records in a segment's text. A writer may have written tens of thousands before it is killed: they
 * are looked up, for searching the text for each takes longer than a lock lives.
 */
export function subjectsOf(text: string): ReadonlySet<string> {
  return new Set(Array.from(text.matchAll(/"subject":"([^"]*)"/g), ([, subject = ""]) => subject));
}
