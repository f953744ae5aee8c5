import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, platform } from "node:os";

import { hasCode } from "./system-error.ts";
import { createMachineClock } from "./machine-clock.ts";

/** Who holds a lock. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** Tells a process from a later one that was given the same id. */
  readonly startMark: string;
  /** Among which processes the id counts: two containers may have one host name, and a process 1 each. */
  readonly scope: string;
}

/** What a lock needs to know of processes; tests replace it. */
export interface Processes {
  readonly self: LockOwner;
  /** Whether the owner still runs; undefined when this process cannot see it. */
  isAlive(owner: LockOwner): boolean | undefined;
}

/** The processes of this machine. */
export const nodeProcesses: Processes = {
  self: { pid: process.pid, host: hostname(), startMark: startMarkOf(process.pid), scope: scopeOfIds() },
  isAlive(owner) {
    const { host, scope, startMark } = nodeProcesses.self;
    if (owner.host !== host || owner.scope !== scope) return undefined;
    // A worker thread or a second copy of this module has locks of its own; a predecessor started at another time.
    if (owner.pid === process.pid) return startMark === "" ? undefined : owner.startMark === startMark;
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

/** The run of the machine and the PID namespace, see pid_namespaces(7). Other systems than Linux have one of them. */
function scopeOfIds(): string {
  if (platform() !== "linux") return "";
  const { bootId } = createMachineClock();
  try {
    if (bootId !== undefined) return `${bootId} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // Hidden by a sandbox; told below.
  }
  // Where namespaces cannot be told apart, no other process is taken for one that can be seen from here.
  return randomUUID();
}
