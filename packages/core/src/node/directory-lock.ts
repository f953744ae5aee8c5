import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { Clock, Timers } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { HeldLock, LOCK_LOST_MS } from "./held-lock.ts";
import { nodeProcesses, type LockOwner, type Processes } from "./processes.ts";

/** Where a lock is, and what it is kept by. */
export interface LockPlace {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Default: those of this machine. */
  readonly processes?: Processes | undefined;
}

/** So many processes may write one directory at the same time. */
const MAX_WRITERS = 1_000;

/** Locks this very process holds: a container's process often has the id of its crashed predecessor. */
const heldHere = new WeakMap<AuditFileSystem, Set<string>>();

/** A lock that this process holds; see `HeldLock`. */
export interface DirectoryLock extends Pick<HeldLock, "confirm" | "release"> {
  /** It was that of a process which cannot be seen from here: it may only stand still, and go on with what it has open. */
  readonly isOfUnseen: boolean;
}

/** The writer that this process has become. */
export interface WriterLock extends DirectoryLock {
  /** From 1. */
  readonly writer: number;
}

/**
 * Makes this process one of the writers of a directory: the first number that nobody holds, so that a process that
 * starts again goes on where it was.
 * @throws AgentplaneError `audit_failed` when all are taken
 */
export function lockWriter(place: LockPlace): WriterLock {
  let refused: unknown;
  for (let writer = 1; writer <= MAX_WRITERS; writer++) {
    try {
      return { writer, ...lockFile(lockName(writer), place) };
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

/** Whether an error says that a lock is held by a process that cannot be seen from here, which may be gone. */
export function isHeldUnseen(error: unknown): boolean {
  return isHeld(error) && error instanceof AgentplaneError && error.data["isUnseen"] === true;
}

/**
 * Makes this process the only holder of a lock. The lock of a process that is gone is taken over: first the right
 * to replace that very lock is taken in a file of its own, then it replaces the lock in one step, so of two processes
 * that find a dead lock one wins. A process of another machine or container cannot be seen: it is gone when it has not
 * renewed its lock for half a minute.
 * @throws AgentplaneError `audit_failed` while another writer holds it
 */
export function lockFile(name: string, place: LockPlace): DirectoryLock {
  const { directory, files, processes = nodeProcesses } = place;
  const lock = path.join(path.resolve(directory), name);
  const mine = heldHere.get(files) ?? new Set();
  heldHere.set(files, mine);
  if (mine.has(lock)) throw held(directory, "this process itself");
  const text = JSON.stringify(processes.self);
  const isNew = files.createExclusive(lock, text);
  const isOfUnseen = !isNew && takeOver({ lock, text, directory, files, processes });
  mine.add(lock);
  const kept = new HeldLock({ ...place, lock, text });
  return {
    isOfUnseen,
    confirm: () => kept.confirm(),
    release() {
      mine.delete(lock);
      kept.release();
    },
  };
}

interface TakeOver {
  readonly lock: string;
  readonly text: string;
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly processes: Processes;
}

/** @returns Whether its process cannot be seen from here. */
function takeOver({ lock, text, directory, files, processes }: TakeOver): boolean {
  const stale = refuseLive(lock, { directory, files, processes });
  const claim = `${lock}.claim`;
  if (!files.createExclusive(claim, text)) {
    refuseLive(claim, { directory, files, processes });
    // Its process died between the two steps; whoever removes it too early is found out below.
    files.remove(claim);
    if (!files.createExclusive(claim, text)) throw held(directory, "a process that is taking it over");
  }
  try {
    // Its process may have woken up and renewed it since.
    if (files.readText(lock) !== stale || refuseLive(lock, { directory, files, processes }) !== stale)
      throw held(directory, "a process that has just taken it over");
  } catch (error) {
    files.remove(claim);
    throw error;
  }
  files.rename(claim, lock);
  if (files.readText(lock) !== text) throw held(directory, "a process that has just taken it over");
  const owner = parseOwner(stale);
  return owner !== undefined && processes.isAlive(owner) === undefined;
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
  if (isAlive === true) throw held(directory, who);
  if (files.idleMs(lock) > LOCK_LOST_MS) return text;
  const until = `its lock is free ${LOCK_LOST_MS / 1_000} s after it was last renewed`;
  throw held(directory, `${who}, which cannot be seen from here; if it is gone, ${until}`, true);
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
  // Without a scope it is of an earlier version: nobody can tell which processes its id counts among.
  const { pid, host, startMark, scope = "" } = owner;
  if (
    typeof pid !== "number" ||
    typeof host !== "string" ||
    typeof startMark !== "string" ||
    typeof scope !== "string"
  )
    return undefined;
  return { pid, host, startMark, scope };
}

function held(directory: string, by: string, isUnseen = false): AgentplaneError {
  const message = `audit directory ${directory} is written by ${by}; give this process another directory`;
  return new AgentplaneError("audit_failed", message, { data: { directory, isHeld: true, isUnseen } });
}
