import path from "node:path";

import type { AuditFileSystem } from "../../src/node/audit-file-system.ts";

/** A file system in memory with the failures of a real one, and a crash. */
export interface MemoryFiles extends AuditFileSystem {
  /** Bytes that still fit on the disk; a write that needs more takes what fits, then fails with ENOSPC. */
  room: number;
  /** What the next calls fail with; undefined: they do not. */
  readonly failures: { append?: Error; sync?: Error; truncate?: Error; replace?: Error };
  readonly counts: { append: number; sync: number };
  /** Called for each append, such as to let time go by. */
  onAppend?: () => void;
  /** Text of a file as it is on the disk. */
  text(file: string): string;
  put(file: string, text: string): void;
  /** The time of this file system, in ms. */
  nowMs: number;
  /** Everything that was not synced is gone; handles are dead. */
  crash(): void;
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

interface Content {
  /** As processes see it. */
  bytes: Uint8Array;
  /** As it is on the disk. */
  disk: Uint8Array;
  /** What was written from here on is only in memory. */
  dirtyFrom: number;
  changedMs: number;
}

/** One flat directory is enough. */
function key(file: string): string {
  return path.basename(file);
}

export function memoryFiles(): MemoryFiles {
  const stored = new Map<string, Content>();
  const need = (file: string): Content => {
    const content = stored.get(key(file));
    if (content === undefined) throw systemError("ENOENT");
    return content;
  };
  const put = (file: string, bytes: Uint8Array): void => {
    stored.set(key(file), { bytes, disk: bytes, dirtyFrom: bytes.length, changedMs: files.nowMs });
  };
  const files: MemoryFiles = {
    room: Infinity,
    nowMs: 0,
    failures: {},
    counts: { append: 0, sync: 0 },
    text: (file) => new TextDecoder().decode(need(file).bytes),
    put: (file, text) => put(file, new TextEncoder().encode(text)),
    crash() {
      for (const content of stored.values()) content.bytes = content.disk.slice();
    },
    makeDirectory() {},
    list: () => [...stored.keys()],
    readText: (file) => files.text(file),
    read: (file) => need(file).bytes.slice(),
    size: (file) => need(file).bytes.length,
    createExclusive(file, content) {
      if (stored.has(key(file))) return false;
      put(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
      return true;
    },
    renew(file, content) {
      if (!stored.has(key(file)) || files.text(file) !== content) return false;
      need(file).changedMs = files.nowMs;
      return true;
    },
    idleMs: (file) => files.nowMs - need(file).changedMs,
    async replace(file, content) {
      if (files.failures.replace !== undefined) throw files.failures.replace;
      put(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
    },
    detach: (file) => put(file, need(file).bytes.slice()),
    truncate: (file, size) => put(file, need(file).bytes.slice(0, size)),
    rename(from, to) {
      stored.set(key(to), need(from));
      stored.delete(key(from));
    },
    remove: (file) => void stored.delete(key(file)),
    openSegment(file) {
      if (!stored.has(key(file))) put(file, new Uint8Array());
      const content = need(file);
      return segmentOf(content, files);
    },
    syncDirectory() {},
  };
  return files;
}

function segmentOf(content: Content, files: MemoryFiles): ReturnType<AuditFileSystem["openSegment"]> {
  return {
    async append(bytes) {
      files.counts.append += 1;
      files.onAppend?.();
      if (files.failures.append !== undefined) throw files.failures.append;
      const taken = bytes.slice(0, Math.min(bytes.length, files.room));
      if (bytes.length > 0 && taken.length === 0) throw systemError("ENOSPC");
      files.room -= taken.length;
      const joined = new Uint8Array(content.bytes.length + taken.length);
      joined.set(content.bytes);
      joined.set(taken, content.bytes.length);
      content.bytes = joined;
      return taken.length;
    },
    async sync() {
      files.counts.sync += 1;
      const { bytes, disk, dirtyFrom } = content;
      content.dirtyFrom = bytes.length;
      // As Linux does: what a failed sync was to write counts as clean from then on, and never reaches the disk.
      if (files.failures.sync !== undefined) throw files.failures.sync;
      content.disk = new Uint8Array(bytes.length);
      content.disk.set(disk.subarray(0, dirtyFrom));
      content.disk.set(bytes.subarray(dirtyFrom), dirtyFrom);
    },
    async truncate(size) {
      if (files.failures.truncate !== undefined) throw files.failures.truncate;
      files.room += content.bytes.length - size;
      content.bytes = content.bytes.slice(0, size);
      content.disk = content.disk.slice(0, size);
      content.dirtyFrom = Math.min(content.dirtyFrom, size);
    },
    async close() {},
  };
}
