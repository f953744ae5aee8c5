import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { hasCode, type AuditFileSystem } from "./audit-file-system.ts";

/** Who holds a lock. `startMark` tells a process from a later one that was given the same id. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  readonly startMark: string;
}

/** What a lock needs to know of processes; tests replace it. */
export interface Processes {
  readonly self: LockOwner;
  /** Whether the owner still runs; undefined when this machine cannot tell. */
  isAlive(owner: LockOwner): boolean | undefined;
}

/** So many processes may write one directory at the same time. */
const MAX_WRITERS = 1_000;

/** Locks this very process holds: a container's process often has the id of its crashed predecessor. */
const heldHere = new WeakMap<AuditFileSystem, Set<string>>();

/** The writer that this process has become. */
export interface WriterLock {
  /** From 1. */
  readonly writer: number;
  /** To be called once. */
  readonly release: () => void;
}

/**
 * Makes this process one of the writers of a directory: the first number that nobody holds, so that a process that
 * starts again goes on where it was.
 * @throws AgentplaneError `audit_failed` when all are taken
 */
export function lockWriter(
  directory: string,
  files: AuditFileSystem,
  processes: Processes = nodeProcesses,
): WriterLock {
  let refused: unknown;
  for (let writer = 1; writer <= MAX_WRITERS; writer++) {
    try {
      return { writer, release: lockFile(lockName(writer), directory, files, processes) };
    } catch (error) {
      if (!isHeld(error)) throw error;
      refused = error;
    }
  }
  throw refused;
}

/** The lock file of a writer. */
export function lockName(writer: number): string {
  return writer === 1 ? "audit.lock" : `audit.${writer}.lock`;
}

/** Whether an error says that a lock is held. */
export function isHeld(error: unknown): boolean {
  return error instanceof AgentplaneError && error.data["isHeld"] === true;
}

/**
 * Makes this process the only holder of a lock. The lock of a process that is gone is taken over: first the right
 * to replace that very lock is taken in a file of its own, then it replaces the lock in one step, so of two processes
 * that find a dead lock one wins.
 * @returns The release, to be called once.
 * @throws AgentplaneError `audit_failed` while another writer holds it
 */
export function lockFile(
  name: string,
  directory: string,
  files: AuditFileSystem,
  processes: Processes = nodeProcesses,
): () => void {
  const lock = path.join(path.resolve(directory), name);
  const mine = heldHere.get(files) ?? new Set();
  heldHere.set(files, mine);
  if (mine.has(lock)) throw held(directory, "this process itself");
  const text = JSON.stringify(processes.self);
  if (!files.createExclusive(lock, text)) takeOver({ lock, text, directory, files, processes });
  mine.add(lock);
  return () => {
    mine.delete(lock);
    files.remove(lock);
  };
}

interface TakeOver {
  readonly lock: string;
  readonly text: string;
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly processes: Processes;
}

function takeOver({ lock, text, directory, files, processes }: TakeOver): void {
  const stale = refuseLive(lock, { directory, files, processes });
  const claim = `${lock}.claim`;
  if (!files.createExclusive(claim, text)) {
    refuseLive(claim, { directory, files, processes });
    // Its process died between the two steps; whoever removes it too early is found out below.
    files.remove(claim);
    if (!files.createExclusive(claim, text)) throw held(directory, "a process that is taking it over");
  }
  if (files.readText(lock) !== stale) {
    files.remove(claim);
    throw held(directory, "a process that has just taken it over");
  }
  files.rename(claim, lock);
  if (files.readText(lock) !== text) throw held(directory, "a process that has just taken it over");
}

/** Returns the text of a lock whose process is gone; throws for any other. */
function refuseLive(lock: string, { directory, files, processes }: Omit<TakeOver, "lock" | "text">): string {
  const text = files.readText(lock);
  const owner = parseOwner(text);
  // A crash can leave the lock empty: it was created and never written, so nobody works under it.
  if (owner === undefined) return text;
  const isAlive = processes.isAlive(owner);
  if (isAlive === false) return text;
  const who = `process ${owner.pid} on ${owner.host}`;
  const unknown = `${who}, and this machine cannot tell whether it still runs; if not, remove ${lock}`;
  throw held(directory, isAlive === true ? who : unknown);
}

function parseOwner(text: string): LockOwner | undefined {
  let owner: unknown;
  try {
    owner = JSON.parse(text);
  } catch {
    // Torn by a crash; the caller treats it as nobody's.
    return undefined;
  }
  if (!isJsonObject(owner)) return undefined;
  const { pid, host, startMark } = owner;
  if (typeof pid !== "number" || typeof host !== "string" || typeof startMark !== "string") return undefined;
  return { pid, host, startMark };
}

function held(directory: string, by: string): AgentplaneError {
  const message = `audit directory ${directory} is written by ${by}; give this process another directory`;
  return new AgentplaneError("audit_failed", message, { data: { directory, isHeld: true } });
}

/** The processes of this machine. */
export const nodeProcesses: Processes = {
  self: { pid: process.pid, host: hostname(), startMark: startMarkOf(process.pid) },
  isAlive(owner) {
    if (owner.host !== hostname()) return undefined;
    // A worker thread or a second copy of this module has locks of its own; a predecessor started at another time.
    if (owner.pid === process.pid) {
      const { startMark } = nodeProcesses.self;
      return startMark === "" ? undefined : owner.startMark === startMark;
    }
    if (!runs(owner.pid)) return false;
    const mark = startMarkOf(owner.pid);
    return mark === "" || owner.startMark === "" || mark === owner.startMark;
  },
};

function runs(pid: number): boolean {
  try {
    // Signal 0 only asks whether the process exists.
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}

/** When a process started, where the system tells it (Linux: proc(5), field 22 of stat); else empty. */
function startMarkOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain anything, so fields are counted from the last parenthesis.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    // No such file system here: process ids alone must do.
    return "";
  }
}
