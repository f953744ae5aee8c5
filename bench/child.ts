import { execFileSync, fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const SOURCE_FLAG = "--conditions=agentplane-source";

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
  const printed = execFileSync(process.execPath, [SOURCE_FLAG, ...nodeFlags, fileOf(script), ...args], {
    encoding: "utf8",
  });
  return JSON.parse(printed);
}

/** A process that measures when it is asked to, and does nothing in between. */
export interface Worker {
  /** What it found out before it was ready. */
  readonly ready: unknown;
  /** Measures once. */
  measure(): Promise<unknown>;
  stop(): void;
}

/**
 * Starts a process that stays, so that several can be measured in turn within milliseconds.
 * @param script A file of this folder that sends one message when it is ready, and one for each message it gets.
 * @param args For the script.
 */
export async function startWorker(script: string, args: readonly string[]): Promise<Worker> {
  const child = fork(fileOf(script), args, { execArgv: [SOURCE_FLAG] });
  return {
    ready: await nextMessage(child),
    async measure() {
      child.send("measure");
      return nextMessage(child);
    },
    stop: () => child.disconnect(),
  };
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, "exit", { signal: ended.signal }).then(([code]) => {
    throw new Error(`a measuring process ended with ${String(code)}`);
  });
  const message = once(child, "message", { signal: ended.signal });
  try {
    const [first] = (await Promise.race([message, exit])) as readonly unknown[];
    return first;
  } finally {
    for (const waiting of [exit, message]) waiting.catch(() => undefined);
    ended.abort();
  }
}

function fileOf(script: string): string {
  return path.join(import.meta.dirname, script);
}
