import { Worker } from "node:worker_threads";

import { assertNever } from "../base/assert-never.ts";
import { ConfigError } from "../base/errors.ts";
import { readPolicyText, type PolicyTextMessage, type ReadPolicyText } from "./policy-text.ts";
import type { PolicyTextJob } from "./policy-text-worker.ts";

/**
 * Texts up to this many characters are read at once. YAML takes about a microsecond per character, JSON a hundredth
 * of it; starting a worker takes about one millisecond of this thread, and 40 until it answers.
 */
const MAX_INLINE_CHARS = { yaml: 4_096, json: 65_536 };

/**
 * Reads the text of a policy file; a long one in a worker, so that decisions go on meanwhile.
 * @param path Names the file in errors.
 * @throws ConfigError (rejects) naming every syntax error with line and column
 */
export async function readPolicyTextAside(text: string, path: string): Promise<ReadPolicyText> {
  const maxInline = text.trimStart().startsWith("{") ? MAX_INLINE_CHARS.json : MAX_INLINE_CHARS.yaml;
  if (text.length <= maxInline) return readPolicyText(text, path);
  // Where no worker can be started (a bundle without its file, a sandbox) it is read here.
  return (await readInWorker({ text, path })) ?? readPolicyText(text, path);
}

/** Undefined when the worker could not be started. */
function readInWorker(job: PolicyTextJob): Promise<ReadPolicyText | undefined> {
  return new Promise((resolve, reject) => {
    let isStarted = false;
    const fail = (error: unknown): void => {
      if (!isStarted) resolve(undefined);
      else reject(unread(job.path, error));
    };
    const worker = startWorker(job, fail);
    worker?.on("message", (message: PolicyTextMessage) => {
      if (message.kind === "started") isStarted = true;
      else settle(message, resolve, reject);
    });
    worker?.on("error", fail);
    // After an answer this changes nothing.
    worker?.on("exit", (code) => fail(new Error(`the worker ended with ${code}`)));
  });
}

function startWorker(job: PolicyTextJob, fail: (error: unknown) => void): Worker | undefined {
  // As a source it is TypeScript, in the package a module beside the entry.
  const file = import.meta.url.endsWith(".ts") ? "./policy-text-worker.ts" : "./policy-text-worker.mjs";
  try {
    return new Worker(new URL(file, import.meta.url), { workerData: job, execArgv: [] });
  } catch (error) {
    fail(error);
    return undefined;
  }
}

function settle(
  message: Exclude<PolicyTextMessage, { kind: "started" }>,
  resolve: (read: ReadPolicyText) => void,
  reject: (error: ConfigError) => void,
): void {
  switch (message.kind) {
    case "json":
    case "data":
      return resolve(message);
    case "refused":
      return reject(new ConfigError(message.source, message.issues));
    default:
      return assertNever(message, "message of a worker");
  }
}

function unread(path: string, cause: unknown): ConfigError {
  const issue = {
    path: "",
    message: "could not be read by a worker",
    suggestion: "split it into several files",
  };
  return new ConfigError(`file:${path}`, [issue], cause);
}
