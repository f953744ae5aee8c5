import { readFileSync, renameSync, rmSync, statSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { sqliteState, type SqliteState } from "../../src/node/sqlite-state.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const BUDGET = { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } } as const;

function newFile(): string {
  return path.join(temporaryDirectory(), "state.db");
}

function spend(state: SqliteState, id: string) {
  const items = [{ spec: BUDGET, amount: 100, isSoft: false, expired: "charge" }] as const;
  return state.ledger.reserve({ id, ttlMs: 5_000, items });
}

const REPLACED = expect.objectContaining({
  code: "state_failed",
  message: expect.stringMatching(/replaced or removed.*start this process again/),
  data: expect.objectContaining({ reason: "replaced" }),
});

/** What an operator or a script may do to the files of a running plane. */
const ACTS: readonly (readonly [name: string, act: (file: string) => void])[] = [
  [
    "the file is replaced by a copy",
    (file) => {
      sqliteState({ path: `${file}.new` }).close();
      renameSync(`${file}.new`, file);
    },
  ],
  ["the file is removed", (file) => rmSync(file)],
  ["the file is moved away", (file) => renameSync(file, `${file}.old`)],
  ["its write-ahead log is removed", (file) => rmSync(`${file}-wal`)],
  ["the index of its log is removed", (file) => rmSync(`${file}-shm`)],
];

test.for(ACTS)("nothing is counted any more where %s while it is open", ([, act]) => {
  const file = newFile();
  const first = sqliteState({ path: file });
  act(file);
  expect(() => spend(first, "r1")).toThrow(REPLACED);
  expect(() => first.controls.read("k")).toThrow(REPLACED);
  expect(() => first.sessions.update("k", () => 1)).toThrow(REPLACED);
  expect(() => first.ledger.read(BUDGET)).toThrow(REPLACED);
  first.close();
});

test("a budget that was spent in a file that was removed is not spent again by who still has it open", () => {
  const file = newFile();
  const first = sqliteState({ path: file });
  renameSync(file, `${file}.old`);
  for (const ending of ["-wal", "-shm"]) rmSync(`${file}${ending}`);
  const second = sqliteState({ path: file });
  expect(spend(second, "r1")).toMatchObject({ isGranted: true });
  expect(() => spend(first, "r2")).toThrow(REPLACED);
  second.close();
  first.close();
});

test("a plane whose file was replaced blocks, for a kill by another process would not be heard", async () => {
  const file = newFile();
  const logger = createRecordingLogger();
  const state = sqliteState({ path: file, ports: { logger } });
  const plane = createAgentPlane({ state });
  const call = { hookpoint: "before_tool_call", agent: "bot", tool: "look" } as const;
  expect(plane.engine.decide(call)).toMatchObject({ effect: "allow" });
  rmSync(file);
  // The one wait for the machine's own clock: two heartbeats unsaid make the copy of plugs and modes stale.
  await expect.poll(() => logger.entries.length).toBeGreaterThan(0);
  expect(JSON.stringify(logger.entries)).toContain("was replaced or removed");
  expect(plane.engine.decide(call)).toMatchObject({ effect: "block" });
  await plane.close().catch(() => undefined);
});

test.runIf(process.platform === "linux")(
  "a second state on the same file in one process leaves the first its lock on it",
  () => {
    const file = newFile();
    const states = [sqliteState({ path: file }), sqliteState({ path: file })];
    // POSIX: closing any descriptor of a file gives up all locks that the process has on it.
    const held = readFileSync("/proc/locks", "utf8")
      .split("\n")
      .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${statSync(file).ino} `));
    expect(held).toHaveLength(1);
    for (const state of states) state.close();
  },
);
