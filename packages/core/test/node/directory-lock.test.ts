import { expect, test } from "vitest";

import { lockFile, lockWriter } from "../../src/node/directory-lock.ts";
import { nodeProcesses, type Processes } from "../../src/node/processes.ts";
import { createFakeClock, type FakeClock } from "../../src/testing/fake-clock.ts";
import { memoryFiles, type MemoryFiles } from "./memory-files.ts";

/** Where a lock is, on a machine. */
function placeOf(files: MemoryFiles, processes?: Processes, clock: FakeClock = createFakeClock()) {
  return { directory: "audit", files, processes, clock, timers: clock };
}

const lockDirectory = (files: MemoryFiles, processes?: Processes) =>
  lockFile("audit.lock", placeOf(files, processes));

/** A machine with these processes running. */
function machine(pid: number, ...running: readonly number[]): Processes {
  return {
    self: { pid, host: "here", startMark: `${pid}`, scope: "ours" },
    isAlive: ({ host, scope, pid: owner }) =>
      host === "here" && scope === "ours" ? running.includes(owner) : undefined,
  };
}

test("a directory has one writer until it is released", () => {
  const files = memoryFiles();
  const lock = lockDirectory(files, machine(1, 1, 2));
  expect(() => lockDirectory(files, machine(1, 1, 2))).toThrow(/this process itself/);
  lock.release();
  lockDirectory(files, machine(1, 1, 2));
});

test("refuses a directory that another living process writes, and names it", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  expect(() => lockDirectory(files, machine(1, 1, 7))).toThrow(
    expect.objectContaining({ code: "audit_failed", message: expect.stringContaining("process 7 on here") }),
  );
  expect(files.list("")).toStrictEqual(["audit.lock"]);
});

test("takes over the lock of a process that is gone", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  const lock = lockDirectory(files, machine(1, 1));
  expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(1).self);
  lock.release();
  expect(files.list("")).toStrictEqual([]);
});

test("takes over a lock that a crash left empty, and the claim of a process that died taking over", () => {
  const files = memoryFiles();
  files.put("audit.lock", "");
  files.put("audit.lock.claim", JSON.stringify(machine(8).self));
  lockDirectory(files, machine(1, 1));
  expect(files.list("")).toStrictEqual(["audit.lock"]);
});

/** A process of another container on a machine with the same name. */
const elsewhere: Processes = { ...machine(1), self: { ...machine(1).self, startMark: "2", scope: "theirs" } };

test("the lock of another container is its own while it is renewed, whatever its host name and process id", () => {
  const files = memoryFiles();
  const clock = createFakeClock();
  lockFile("audit.lock", placeOf({ ...files }, elsewhere, clock));
  for (let renewals = 0; renewals < 20; renewals++) {
    clock.advance(5_000);
    files.nowMs += 5_000;
    expect(() => lockDirectory(files, nodeProcesses)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/process 1 on here, which cannot be seen from here; .* 30 s/),
      }),
    );
  }
  expect(files.list("")).toStrictEqual(["audit.lock"]);
});

test("the lock of another container is free half a minute after it was last renewed", () => {
  const files = memoryFiles();
  lockDirectory({ ...files }, elsewhere);
  files.nowMs += 30_000;
  expect(() => lockDirectory(files, machine(1, 1))).toThrow(/cannot be seen/);
  files.nowMs += 1;
  lockDirectory(files, machine(1, 1)).confirm();
});

test("a process that stood still and lost its lock writes no more, and leaves the lock to its new owner", () => {
  for (const wake of [
    (clock: FakeClock) => clock.advance(60_000),
    // As after a sleep of the machine: no timer has fired, and only the wall clock has noticed.
    (clock: FakeClock) => clock.jumpWall(60_000),
  ]) {
    const files = memoryFiles();
    const clock = createFakeClock();
    const lock = lockFile("audit.lock", placeOf({ ...files }, elsewhere, clock));
    lock.confirm();
    files.nowMs += 60_000;
    const taken = lockDirectory(files, machine(1, 1));
    wake(clock);
    expect(() => lock.confirm()).toThrow(expect.objectContaining({ code: "audit_failed" }));
    lock.release();
    taken.confirm();
    expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(1).self);
  }
});

test("a process that wakes up while its lock is being taken over keeps it", () => {
  const files = memoryFiles();
  const lock = lockDirectory({ ...files }, elsewhere);
  files.nowMs += 60_000;
  const late = {
    ...files,
    createExclusive(file: string, content: string | Uint8Array) {
      if (file.endsWith(".claim")) files.renew("audit.lock", files.text("audit.lock"));
      return files.createExclusive(file, content);
    },
  };
  expect(() => lockDirectory(late, machine(1, 1))).toThrow(/written by/);
  expect(files.list("")).toStrictEqual(["audit.lock"]);
  lock.confirm();
});

test("of two processes that find a dead lock one takes it over", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  // The second process runs at the moment the first has claimed the lock, then once more when it is done.
  let second: unknown;
  const attempt = () => {
    try {
      lockDirectory({ ...files }, machine(2, 1, 2));
    } catch (error) {
      second = error;
    }
  };
  const interrupted = {
    ...files,
    rename(from: string, to: string) {
      attempt();
      files.rename(from, to);
    },
  };
  lockDirectory(interrupted, machine(1, 1, 2));
  expect(second).toMatchObject({ code: "audit_failed" });
  second = undefined;
  attempt();
  expect(second).toMatchObject({ code: "audit_failed" });
  expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(1).self);
});

test("a process that finds the dead lock replaced after its claim gives up its claim", () => {
  const files = memoryFiles();
  const dead = JSON.stringify(machine(7).self);
  files.put("audit.lock", dead);
  const late = {
    ...files,
    createExclusive(file: string, content: string | Uint8Array) {
      const isCreated = files.createExclusive(file, content);
      if (isCreated) files.put("audit.lock", JSON.stringify(machine(2).self));
      return isCreated;
    },
  };
  expect(() => lockDirectory(late, machine(1, 1, 2))).toThrow(/has just taken it over/);
  expect(files.list("")).toStrictEqual(["audit.lock"]);
  expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(2).self);
});

test("knows this process, a process that never was, and a later process with the same id", () => {
  const { self, isAlive } = nodeProcesses;
  expect(isAlive({ ...self, pid: process.ppid, startMark: "" })).toBe(true);
  expect(isAlive({ ...self, pid: 2 ** 22 + 1 })).toBe(false);
  expect(isAlive({ ...self, host: "elsewhere" })).toBeUndefined();
  // Another container: its process 1 is not this one's.
  expect(isAlive({ ...self, scope: "elsewhere", startMark: "1" })).toBeUndefined();
  // A predecessor with the same id, as in a container; with the same start it is this process, in another thread.
  expect(isAlive({ ...self, startMark: `${self.startMark}0` })).toBe(
    self.startMark === "" ? undefined : false,
  );
  expect(isAlive(self)).toBe(self.startMark === "" ? undefined : true);
});

test.runIf(process.platform === "linux")(
  "tells a process from an earlier one with its id by when it started",
  () => {
    const { self, isAlive } = nodeProcesses;
    expect(isAlive({ ...self, pid: process.ppid, startMark: "1" })).toBe(false);
  },
);

test("a process becomes the first writer whose lock nobody holds, and again so after a restart", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  files.put("audit.2.lock", JSON.stringify(machine(8).self));
  const second = lockWriter(placeOf(files, machine(1, 1, 7)));
  const third = lockWriter(placeOf(files, machine(1, 1, 7)));
  expect([second.writer, third.writer]).toStrictEqual([2, 3]);
  second.release();
  expect(lockWriter(placeOf(files, machine(1, 1, 7))).writer).toBe(2);
});

test.runIf(process.platform === "linux")(
  "a lock that another thread of this very process holds is held",
  () => {
    const files = memoryFiles();
    files.put("audit.lock", JSON.stringify(nodeProcesses.self));
    expect(lockWriter(placeOf(files, nodeProcesses)).writer).toBe(2);
  },
);
