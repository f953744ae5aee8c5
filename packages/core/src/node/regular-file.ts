import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";

import { AgentplaneError } from "../base/errors.ts";

/** Missing where the system has no such thing. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const NEITHER_FOLLOWING_NOR_WAITING = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens what must be a file to read it, and nothing else: who can write a directory can put a pipe under a name, which
 * would be waited for, or a link to a device, which never ends.
 * @returns Its descriptor and its length in bytes.
 * @throws AgentplaneError `audit_corrupt` for anything else
 */
export function openRegular(path: string): { readonly file: number; readonly size: number } {
  const file = openAny(path, READ_WITHOUT_WAITING);
  const found = fstatSync(file);
  if (found.isFile()) return { file, size: found.size };
  closeSync(file);
  throw notRegular(path);
}

/**
 * Reads a file, as long as it says it is when it is opened.
 * @throws AgentplaneError `audit_corrupt` when it is no file or longer
 */
export function readRegular(path: string, maxBytes: number): Uint8Array {
  const { file, size } = openRegular(path);
  try {
    // What was looked at is what is read: another file may stand under the name by now.
    if (size <= maxBytes) return readBytes(file, size);
  } finally {
    closeSync(file);
  }
  const message = `${basename(path)} is longer than it can be`;
  throw new AgentplaneError("audit_corrupt", message, { data: { path, size } });
}

/** Reads as much as what stands there says it is long: a device, which never ends, and a pipe say nothing. */
export function readSized(path: string): Uint8Array {
  const file = openAny(path, READ_WITHOUT_WAITING);
  try {
    return readBytes(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

/**
 * Opens what must be a file to write to it: a link under its name would lead the lines, or a cut, to any file that this
 * process may write.
 * @param flags Beside reading or writing, such as `O_APPEND`.
 * @param mode Of a file that is made. Default: as the system makes them.
 * @throws AgentplaneError `audit_corrupt` for anything but a file
 */
export function openToWrite(path: string, flags: number, mode?: number): number {
  const file = openAny(path, flags | NEITHER_FOLLOWING_NOR_WAITING, mode);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw notRegular(path);
}

function readBytes(file: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let read = -1; at < bytes.length && read !== 0; at += read)
    read = readSync(file, bytes, at, bytes.length - at, at);
  return bytes.subarray(0, at);
}

function openAny(path: string, flags: number, mode?: number): number {
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    // What a socket answers, a pipe that is written to, a folder, and a link that is not followed.
    const codes: readonly unknown[] = ["ENXIO", "EISDIR", "ELOOP"];
    if (error instanceof Error && "code" in error && codes.includes(error.code)) throw notRegular(path);
    throw error;
  }
}

function notRegular(path: string): AgentplaneError {
  const message = `${basename(path)} is not a regular file; look who put it there, and move it away`;
  return new AgentplaneError("audit_corrupt", message, { data: { path } });
}
