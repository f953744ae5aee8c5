import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { ConfigError } from "../base/errors.ts";

/** What can be loaded at most; YAML of that length would take a minute to be parsed, only to be refused then. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads the text of a policy file.
 * @throws ConfigError when it cannot be read, is larger than 8 MiB or is not UTF-8
 */
export function readPolicyFileText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return decodePolicyText(bytes, path);
}

/** The same without waiting for the disk. @throws ConfigError (rejects) */
export async function readPolicyFileTextAside(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return decodePolicyText(bytes, path);
}

/** The error for a file that is not there or may not be read. */
export function unreadable(path: string, cause: unknown): ConfigError {
  if (cause instanceof ConfigError) return cause;
  const message = `cannot be read: ${cause instanceof Error ? cause.message : "unknown"}`;
  return new ConfigError(`file:${path}`, [{ path: "", message }], cause);
}

function decodePolicyText(bytes: Uint8Array, path: string): string {
  if (bytes.length > MAX_BYTES) {
    const message = `is larger than ${MAX_BYTES / 1024 / 1024} MiB`;
    throw new ConfigError(`file:${path}`, [{ path: "", message, suggestion: "split it into several files" }]);
  }
  try {
    // Fatal: a byte that is replaced would leave a pattern that matches nothing. A byte order mark is taken off.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const issue = { path: "", message: "is not UTF-8", suggestion: "save the file as UTF-8" };
    throw new ConfigError(`file:${path}`, [issue], error);
  }
}
