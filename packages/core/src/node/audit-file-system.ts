import * as fs from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

import { AgentplaneError } from "../base/errors.ts";
import { asideOf, createExclusive } from "./create-exclusive.ts";
import { openToWrite, readRegular, readSized } from "./regular-file.ts";
import { hasCode } from "./system-error.ts";

/** An open segment file; every write goes to its end. */
export interface SegmentFile {
  /** Takes as many of the bytes as it can; returns how many. */
  append(bytes: Uint8Array): Promise<number>;
  /** Settles when everything appended is on the disk. */
  sync(): Promise<void>;
  /** Cuts the file to a length in bytes. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * What the audit files need of a file system; a test fills the disk or tears a write through it. Opening is
 * synchronous: a directory that cannot be used fails where the sink is created.
 */
export interface AuditFileSystem {
  makeDirectory(directory: string): void;
  /** File names in a directory, without their path. */
  list(directory: string): readonly string[];
  /** Of a short file. */
  readText(path: string): string;
  /** A whole file. */
  read(path: string): Uint8Array;
  /** Length in bytes. */
  size(path: string): number;
  /** Creates a file that must not exist yet, whole at once; false when it exists. */
  createExclusive(path: string, content: string | Uint8Array): boolean;
  /** Says again that a short file holds this, so that it counts as changed now; false when it does not hold it. */
  renew(path: string, content: string): boolean;
  /** How long ago a file was changed, in ms, by the clock of its file system: a machine's own may differ. */
  idleMs(path: string): number;
  /** Writes a file anew, whole or not at all; settles when it is on the disk under its name. */
  replace(path: string, content: string | Uint8Array): Promise<void>;
  /** Puts a copy in the place of a file, on the disk when it returns: whoever has it open writes nowhere any more. */
  detach(path: string): void;
  truncate(path: string, size: number): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Opens a file to append, created if need be. */
  openSegment(path: string): SegmentFile;
  /** Makes the names in a directory durable, after a file was created. */
  syncDirectory(directory: string): void;
}

/** Segments hold redacted content, still nobody else's business. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
/** A checkpoint that names a thousand writers has about a hundred kilobytes. */
const MAX_TEXT_BYTES = 1024 * 1024;
/** A pipe under the name is not waited for. */
/** No segment is longer. */
const MAX_COPIED_BYTES = 512 * 1024 * 1024;
const APPEND =
  fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_CREAT | (fs.constants.O_NONBLOCK ?? 0);

const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate);
const close = promisify(fs.close);

/** The file system of this machine. */
export const nodeFileSystem: AuditFileSystem = {
  makeDirectory: (directory) => void fs.mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY }),
  list: (directory) => fs.readdirSync(directory),
  readText: (path) => Buffer.from(readRegular(path, MAX_TEXT_BYTES)).toString("utf8"),
  read: (path) => readSized(path),
  size: (path) => fs.statSync(path).size,
  createExclusive: (path, content) => createExclusive(path, content, { mode: PRIVATE_FILE }),
  renew,
  idleMs(path) {
    const now = asideOf(path);
    fs.writeFileSync(now, "", { mode: PRIVATE_FILE, flag: "wx" });
    try {
      return fs.statSync(now).mtimeMs - fs.lstatSync(path).mtimeMs;
    } finally {
      fs.rmSync(now, { force: true });
    }
  },
  async replace(path, content) {
    const aside = asideOf(path);
    const file = await open(aside, "w", PRIVATE_FILE);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    fs.renameSync(aside, path);
    nodeFileSystem.syncDirectory(dirname(path));
  },
  detach(path) {
    const aside = asideOf(path);
    fs.writeFileSync(aside, readRegular(path, MAX_COPIED_BYTES), {
      mode: PRIVATE_FILE,
      flag: "wx",
      flush: true,
    });
    fs.renameSync(aside, path);
    nodeFileSystem.syncDirectory(dirname(path));
  },
  truncate(path, size) {
    const descriptor = openToWrite(path, fs.constants.O_RDWR);
    try {
      fs.ftruncateSync(descriptor, size);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { force: true }),
  openSegment: (path) => segmentFile(openToWrite(path, APPEND, PRIVATE_FILE)),
  syncDirectory(directory) {
    // Windows cannot open a directory, and needs no such call.
    if (process.platform === "win32") return;
    const handle = fs.openSync(directory, "r");
    try {
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
  },
};

/** By writing what is there into the very file that was read: one that has taken its place is not touched. */
function renew(path: string, content: string): boolean {
  let descriptor: number;
  try {
    descriptor = openToWrite(path, fs.constants.O_RDWR);
  } catch (error) {
    // A link is none of ours.
    if (hasCode(error, "ENOENT") || error instanceof AgentplaneError) return false;
    throw error;
  }
  try {
    if (fs.fstatSync(descriptor).size !== Buffer.byteLength(content)) return false;
    if (fs.readFileSync(descriptor, "utf8") !== content) return false;
    fs.writeSync(descriptor, content, 0);
    return true;
  } finally {
    fs.closeSync(descriptor);
  }
}

function segmentFile(descriptor: number): SegmentFile {
  return {
    append: async (bytes) => (await write(descriptor, bytes)).bytesWritten,
    sync: () => fdatasync(descriptor),
    truncate: (size) => ftruncate(descriptor, size),
    close: () => close(descriptor),
  };
}
