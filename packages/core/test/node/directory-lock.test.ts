import { expect, test } from "vitest";

import { lockFile, lockWriter, nodeProcesses, type Processes } from "../../src/node/directory-lock.ts";
import { memoryFiles, type MemoryFiles } from "./memory-files.ts";

const lockDirectory = (directory: string, files: MemoryFiles, processes?: Processes) =>
  lockFile("audit.lock", directory, files, processes);

/** A machine with these processes running. */
function machine(pid: number, ...running: readonly number[]): Processes {
  return {
    self: { pid, host: "here", startMark: `${pid}` },
    isAlive: (owner) => (owner.host === "here" ? running.includes(owner.pid) : undefined),
  };
}

test("a directory has one writer until it is released", () => {
  const files = memoryFiles();
  const release = lockDirectory("audit", files, machine(1, 1, 2));
  expect(() => lockDirectory("audit", files, machine(1, 1, 2))).toThrow(/this process itself/);
  release();
  lockDirectory("audit", files, machine(1, 1, 2));
});

test("refuses a directory that another living process writes, and names it", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  expect(() => lockDirectory("audit", files, machine(1, 1, 7))).toThrow(
    expect.objectContaining({ code: "audit_failed", message: expect.stringContaining("process 7 on here") }),
  );
  expect(files.list("")).toStrictEqual(["audit.lock"]);
});

test("takes over the lock of a process that is gone", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  const release = lockDirectory("audit", files, machine(1, 1));
  expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(1).self);
  release();
  expect(files.list("")).toStrictEqual([]);
});

test("takes over a lock that a crash left empty, and the claim of a process that died taking over", () => {
  const files = memoryFiles();
  files.put("audit.lock", "");
  files.put("audit.lock.claim", JSON.stringify(machine(8).self));
  lockDirectory("audit", files, machine(1, 1));
  expect(files.list("")).toStrictEqual(["audit.lock"]);
});

test("leaves the lock of another machine alone and says what to do", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify({ ...machine(7).self, host: "there" }));
  expect(() => lockDirectory("audit", files, machine(1, 1))).toThrow(
    /cannot tell whether it still runs; if not, remove .*audit\.lock/,
  );
});

test("of two processes that find a dead lock one takes it over", () => {
  const files = memoryFiles();
  files.put("audit.lock", JSON.stringify(machine(7).self));
  // The second process runs at the moment the first has claimed the lock, then once more when it is done.
  let second: unknown;
  const attempt = () => {
    try {
      lockDirectory("audit", { ...files }, machine(2, 1, 2));
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
  lockDirectory("audit", interrupted, machine(1, 1, 2));
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
  expect(() => lockDirectory("audit", late, machine(1, 1, 2))).toThrow(/has just taken it over/);
  expect(files.list("")).toStrictEqual(["audit.lock"]);
  expect(JSON.parse(files.text("audit.lock"))).toStrictEqual(machine(2).self);
});

test("knows this process, a process that never was, and a later process with the same id", () => {
  const { self, isAlive } = nodeProcesses;
  expect(isAlive({ ...self, pid: process.ppid, startMark: "" })).toBe(true);
  expect(isAlive({ ...self, pid: 2 ** 22 + 1 })).toBe(false);
  expect(isAlive({ ...self, host: "elsewhere" })).toBeUndefined();
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
  const second = lockWriter("audit", files, machine(1, 1, 7));
  const third = lockWriter("audit", files, machine(1, 1, 7));
  expect([second.writer, third.writer]).toStrictEqual([2, 3]);
  second.release();
  expect(lockWriter("audit", files, machine(1, 1, 7)).writer).toBe(2);
});

test.runIf(process.platform === "linux")(
  "a lock that another thread of this very process holds is held",
  () => {
    const files = memoryFiles();
    files.put("audit.lock", JSON.stringify(nodeProcesses.self));
    expect(lockWriter("audit", files, nodeProcesses).writer).toBe(2);
  },
);
