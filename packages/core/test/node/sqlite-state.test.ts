/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, test } from "vitest";

import { sqliteState } from "../../src/node/sqlite-state.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { createTestMachine, START_MS } from "./test-machine.ts";

const DAILY = {
  key: "d",
  measure: "tokens",
  limit: 100,
  window: { kind: "calendar", unit: "day", timeZone: "UTC" },
} as const;
const RATE = { key: "r", measure: "calls", limit: 2, window: { kind: "sliding", windowMs: 60_000 } } as const;

function newFile(): string {
  return path.join(temporaryDirectory(), "state.db");
}

function take(state: ReturnType<typeof sqliteState>, id: string, amount = 60) {
  const items = [
    { spec: DAILY, amount, isSoft: false, expired: "charge" },
    { spec: RATE, amount: 1, isSoft: false, expired: "charge" },
  ] as const;
  return state.ledger.reserve({ id, ttlMs: 5_000, items });
}

function refusalOf(file: string): unknown {
  try {
    sqliteState({ path: file }).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("a plane stays synchronous, and plugs, approvals, budgets, sessions and versions outlive it", async () => {
  const file = newFile();
  const options = {
    approvals: { resolver: "external", key: "k" },
    policies: [
      { id: "p", blocking: [rule.rate({ limit: 2, window: "1h" }), rule.idempotency({ window: "1h" })] },
    ],
  } as const;
  const call = {
    hookpoint: "before_tool_call",
    agent: "bot",
    session: "s",
    tool: { name: "pay", input: { n: 1 } },
  } as const;
  const first = createAgentPlane({ ...options, state: sqliteState({ path: file }) });
  const decision = first.engine.decide(call);
  expect(decision).toMatchObject({ effect: "allow" });
  expect(first.versions.publish({ id: "q" }, { author: "ada", changelog: "first" })).toMatchObject({
    version: 1,
  });
  void first.controls.unplug({ kind: "tool", id: "wipe" }, { by: "ada", reason: "incident" });
  await first.close();
  const second = createAgentPlane({ ...options, state: sqliteState({ path: file }) });
  // At once: nothing has to be awaited.
  expect(second.engine.decide(call)).toMatchObject({ effect: "block", ruleId: "idempotency" });
  expect(second.engine.decide({ ...call, tool: "wipe" })).toMatchObject({
    effect: "block",
    cause: "unplugged",
  });
  expect(second.engine.decide({ ...call, tool: "look" })).toMatchObject({ effect: "allow" });
  expect(second.engine.decide({ ...call, tool: "look2" })).toMatchObject({ effect: "block", ruleId: "rate" });
  expect(second.versions.history("q")).toMatchObject([{ author: "ada" }]);
  await second.close();
});

test("a question, its answer and a mode outlive the process that made them", async () => {
  const file = newFile();
  const act = { by: "olga", reason: "incident" };
  const options = {
    approvals: { resolver: "external", key: "k" },
    policies: [
      {
        id: "p",
        blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "a person decides" })],
      },
    ],
  } as const;
  const call = {
    hookpoint: "before_tool_call",
    agent: "bot",
    tool: { name: "pay", input: { n: 1 } },
  } as const;
  const open = () => createAgentPlane({ ...options, state: sqliteState({ path: file }) });
  const first = open();
  const asked = first.engine.decide(call);
  if ("then" in asked || asked.approvalId === undefined) throw new Error("nobody was asked");
  void first.controls.degrade({ kind: "agent", id: "other" }, "FULL_BLOCK", act);
  await first.close();
  const second = open();
  expect(await second.approvals.get(asked.approvalId)).toMatchObject({ status: "pending" });
  await second.approvals.approve(asked.approvalId, { by: "mira", role: "operator" });
  expect(second.engine.decide({ ...call, agent: "other", tool: "look" })).toMatchObject({ effect: "block" });
  await second.close();
  const third = open();
  expect(third.engine.decide(call)).toMatchObject({ effect: "allow" });
  await third.close();
});

test("what was held by a process that is gone expires, and what it used still counts", () => {
  const file = newFile();
  const machine = createTestMachine();
  const first = sqliteState({ path: file, machine });
  take(first, "a", 10);
  first.ledger.settle("a", [10]);
  take(first, "b", 60);
  first.close();
  const second = sqliteState({ path: file, machine });
  expect(second.ledger.read(DAILY)).toStrictEqual({ used: 10, held: 60, limit: 100 });
  expect(take(second, "c", 1)).toMatchObject({ isGranted: false, breaches: [{ index: 1 }] });
  machine.advanceMs(5_001);
  expect(second.ledger.read(DAILY)).toStrictEqual({ used: 70, held: 0, limit: 100 });
  second.close();
});

test("keys in which nothing lives any more leave the file", () => {
  const machine = createTestMachine();
  const file = newFile();
  const state = sqliteState({ path: file, machine });
  for (let index = 0; index < 300; index++) {
    const spec = { ...RATE, key: `agent-${index}` };
    state.ledger.reserve({
      id: `r${index}`,
      ttlMs: 1_000,
      items: [{ spec, amount: 1, isSoft: false, expired: "charge" }],
    });
    state.ledger.settle(`r${index}`, []);
    state.sessions.update(`s${index}`, () => ({ index }), { ttlMs: 1_000 });
    machine.advanceMs(1_000);
  }
  state.close();
  const database = new DatabaseSync(file);
  const countOf = (table: string): unknown =>
    database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"];
  expect(countOf("limit_account")).toBeLessThan(100);
  expect(countOf("hold")).toBe(0);
  expect(countOf("document")).toBeLessThan(10);
  database.close();
});

test("the machine's wall clock may jump, and it may sleep: windows follow the time that passed", () => {
  const file = newFile();
  const machine = createTestMachine();
  const state = sqliteState({ path: file, machine });
  take(state, "a", 1);
  take(state, "b", 1);
  // Another process that starts while the wall clock is wrong counts as the others do.
  const late = sqliteState({ path: file, machine: machine.skewedMs(86_400_000) });
  expect(take(late, "c", 1)).toMatchObject({ isGranted: false });
  machine.sleepMs(61_000);
  machine.advanceMs(1_001);
  expect(take(late, "c", 1)).toMatchObject({ isGranted: true });
  expect(state.ledger.read(RATE)).toMatchObject({ used: 1 });
  late.close();
  state.close();
});

test.for([
  ["earlier than before", -3_600_000, 2],
  ["two days later", 2 * 86_400_000, 0],
] as const)(
  "after a restart of the machine with a clock that is %s nothing is in the future",
  ([, offsetMs, used]) => {
    const file = newFile();
    const machine = createTestMachine();
    const first = sqliteState({ path: file, machine });
    take(first, "a", 1);
    take(first, "b", 1);
    first.close();
    const second = sqliteState({ path: file, machine: machine.restarted(START_MS + offsetMs) });
    expect(second.ledger.read(RATE)).toMatchObject({ used });
    second.close();
  },
);

test("a file that is not SQLite is refused and stays as it is", () => {
  const file = newFile();
  writeFileSync(file, "precious text, longer than the header of a database, ".repeat(40));
  const before = readFileSync(file);
  expect(refusalOf(file)).toMatchObject({ code: "state_failed", data: { reason: "corrupt", path: file } });
  expect(readFileSync(file)).toStrictEqual(before);
});

test("the database of something else is refused and stays as it is", () => {
  const file = newFile();
  const other = new DatabaseSync(file);
  other.exec("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('ada')");
  other.close();
  const before = readFileSync(file);
  expect(refusalOf(file)).toMatchObject({ code: "state_failed", data: { reason: "foreign" } });
  expect(readFileSync(file)).toStrictEqual(before);
});

test("a file of a newer version is refused, by its number, and stays as it is", () => {
  const file = newFile();
  sqliteState({ path: file }).close();
  const newer = new DatabaseSync(file);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  expect(refusalOf(file)).toMatchObject({
    code: "state_failed",
    data: { reason: "newer" },
    message: expect.stringMatching(/newer release.*version 99.*update/),
  });
  const after = new DatabaseSync(file);
  expect(after.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 99 });
  after.close();
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ["is half gone", (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2 / 4_096) * 4_096)],
  ["has a page of something else", (bytes) => Buffer.from(bytes).fill(0xa5, 3 * 4_096, 4 * 4_096)],
  ["has a broken header", (bytes) => Buffer.from(bytes).fill(0, 0, 16)],
])("a damaged file that %s is refused and stays as it is, byte by byte", (_, damage) => {
  const file = newFile();
  const state = sqliteState({ path: file });
  for (let index = 0; index < 200; index++) state.versions.update(`k${index}`, () => "x".repeat(1_000));
  state.close();
  writeFileSync(file, damage(readFileSync(file)));
  const before = readFileSync(file);
  expect(refusalOf(file)).toMatchObject({ code: "state_failed", data: { reason: "corrupt", path: file } });
  expect(readFileSync(file)).toStrictEqual(before);
  // Nothing of it lies beside it either, to be taken for a log of it later.
  expect(readdirSync(path.dirname(file))).toStrictEqual([path.basename(file)]);
});

test("a path that cannot be opened says so", () => {
  const missing = path.join(temporaryDirectory(), "missing", "state.db");
  expect(refusalOf(missing)).toMatchObject({
    code: "state_failed",
    message: expect.stringContaining(missing),
  });
});

test("a file that another process keeps locked fails within its time", () => {
  const file = newFile();
  const state = sqliteState({ path: file, timeout: "50ms" });
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  expect(() => take(state, "a")).toThrow(
    expect.objectContaining({ code: "state_failed", data: { path: file, reason: "busy" } }),
  );
  expect(state.ledger.read(DAILY)).toMatchObject({ held: 0 });
  other.exec("ROLLBACK");
  other.close();
  expect(take(state, "a")).toMatchObject({ isGranted: true });
  state.close();
});

test("the file is nobody else's business", () => {
  const file = newFile();
  sqliteState({ path: file }).close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("options that cannot be meant are refused, each by its name", () => {
  const wrong = { path: "", timeot: "1s", synchronous: "off", poll: "5s", timeout: "soon" };
  // As from JavaScript, where no compiler looks.
  expect(() => sqliteState(wrong as unknown as Parameters<typeof sqliteState>[0])).toThrow(
    /path: is not a path[\s\S]*|timeot: unknown option — did you mean "timeout"/,
  );
  for (const [name, value] of Object.entries(wrong)) {
    if (name === "path") continue;
    const options = { path: newFile(), [name]: value };
    // As above.
    expect(() => sqliteState(options as unknown as Parameters<typeof sqliteState>[0])).toThrow(
      new RegExp(name),
    );
  }
});
