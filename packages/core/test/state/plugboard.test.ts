import { expect, test } from "vitest";

import { Plugboard, type PlugSubject } from "../../src/state/plugboard.ts";
import { brokenDocuments } from "./slow-documents.ts";
import { contextOf, createTestMachines, type TestMachines } from "./test-machines.ts";

const ACT = { reason: "runs wild", by: "ada" };

function boardOf(machines: TestMachines, more: { planeId?: string } = {}): Plugboard {
  return new Plugboard({ ...machines, controls: machines.store.controls, ...more });
}

test("tenant_kill_hits_unregistered_agents: agents and tenants never seen before are cut, and others are not", () => {
  const board = boardOf(createTestMachines());
  expect(board.cutOf(contextOf({ tenant: "acme" }))).toBeUndefined();
  void board.unplug({ kind: "tenant", id: "acme" }, ACT);
  expect(board.cutOf(contextOf({ agentId: "never-seen", tenant: "acme" }))).toMatchObject({
    ...ACT,
    authority: "operator",
  });
  expect(board.cutOf(contextOf({ agentId: "never-seen", tenant: "other" }))).toBeUndefined();
  expect(board.cutOf(contextOf({ agentId: "never-seen" }))).toBeUndefined();
});

test.for<[PlugSubject, Parameters<typeof contextOf>[0], boolean]>([
  [{ kind: "all" }, {}, true],
  [{ kind: "agent", id: "a" }, {}, true],
  [{ kind: "agent", id: "b" }, {}, false],
  [{ kind: "agent", id: "root" }, { ancestors: ["root", "middle"] }, true],
  [{ kind: "agent", id: "a", tenant: "acme" }, { tenant: "acme" }, true],
  [{ kind: "agent", id: "a", tenant: "acme" }, { tenant: "other" }, false],
  [{ kind: "agent", id: "a", tenant: "acme" }, {}, false],
  [{ kind: "tool", id: "search" }, {}, true],
  [{ kind: "tool", id: "find" }, { tool: { name: "search", server: "docs", originalName: "find" } }, true],
  [
    { kind: "tool", id: "docs/find" },
    { tool: { name: "search", server: "docs", originalName: "find" } },
    true,
  ],
  [{ kind: "tool", id: "docs" }, { tool: { name: "search", server: "docs" } }, true],
  [{ kind: "tool", id: "Search" }, {}, false],
  [{ kind: "tool", id: "search", tenant: "acme" }, { tenant: "other" }, false],
  [{ kind: "agent", id: "cafe\u0301" }, { agentId: "caf\u00e9" }, true],
])("unplugged %j cuts %j: %s", ([subject, context, isCut]) => {
  const board = boardOf(createTestMachines());
  void board.unplug(subject, ACT);
  expect(board.cutOf(contextOf(context)) !== undefined).toBe(isCut);
});

test("a plug is held per authority, and each lifts only its own", () => {
  const board = boardOf(createTestMachines());
  void board.unplug({ kind: "agent", id: "a" }, ACT);
  void board.unplug({ kind: "agent", id: "a" }, { ...ACT, by: "server", authority: "server" });
  void board.plug({ kind: "agent", id: "a" }, { by: "ada" });
  expect(board.cutOf(contextOf())).toMatchObject({ authority: "server" });
  void board.plug({ kind: "agent", id: "a" }, { by: "ada", authority: "file:x.yaml" });
  expect(board.cutOf(contextOf())).toBeDefined();
  void board.plug({ kind: "agent", id: "a" }, { by: "server", authority: "server" });
  expect(board.cutOf(contextOf())).toBeUndefined();
});

test("pulling and lifting is recorded, lifting nothing is not; both move the revision and tell listeners", () => {
  const machines = createTestMachines();
  const board = boardOf(machines);
  let told = 0;
  const stop = board.subscribe(() => void told++);
  void board.unplug({ kind: "tool", id: "t", tenant: "acme" }, ACT);
  void board.plug({ kind: "tool", id: "t", tenant: "acme" }, { by: "bob" });
  void board.plug({ kind: "tool", id: "t", tenant: "acme" }, { by: "bob" });
  expect(machines.records).toStrictEqual([
    {
      action: "unplugged",
      by: "ada",
      subject: "tool:t",
      reason: "runs wild",
      data: { authority: "operator", tenant: "acme" },
    },
    {
      action: "plugged",
      by: "bob",
      subject: "tool:t",
      reason: "runs wild",
      data: { authority: "operator", tenant: "acme" },
    },
  ]);
  expect([told, board.revision]).toStrictEqual([2, 2]);
  stop();
  void board.unplug({ kind: "all" }, ACT);
  expect(told).toBe(2);
});

test("plugs survive a restart and reach other processes on the same store", () => {
  const machines = createTestMachines();
  const first = boardOf(machines);
  const second = boardOf(machines);
  void first.unplug({ kind: "all" }, ACT);
  expect(second.cutOf(contextOf())).toMatchObject({ subject: { kind: "all" } });
  expect(boardOf(machines).entries()).toHaveLength(1);
  void second.plug({ kind: "all" }, { by: "bob" });
  expect(first.cutOf(contextOf())).toBeUndefined();
});

test("planes on one store do not cut each other, whatever their ids look like", () => {
  const machines = createTestMachines();
  const boards = ["a", "a1:", ""].map((planeId) => boardOf(machines, { planeId }));
  void boards[0]?.unplug({ kind: "all" }, ACT);
  expect(boards.map((board) => board.cutOf(contextOf()) !== undefined)).toStrictEqual([true, false, false]);
});

test("a kill is in force here even when the store is down, and the failure is thrown", async () => {
  const machines = createTestMachines();
  const controls = brokenDocuments(machines.store.controls);
  const board = new Plugboard({ ...machines, controls });
  await expect(board.unplug({ kind: "all" }, ACT)).rejects.toThrow("the store is down");
  expect(board.cutOf(contextOf())).toBeDefined();
});

test("a kill on its way to the store, or that never got there, survives a new reading until it is lifted", async () => {
  const machines = createTestMachines();
  const controls = brokenDocuments(machines.store.controls);
  const board = new Plugboard({ ...machines, controls });
  await expect(board.unplug({ kind: "all" }, ACT)).rejects.toThrow("the store is down");
  controls.heal();
  await board.load();
  expect(board.cutOf(contextOf())).toBeDefined();
  await board.plug({ kind: "all" }, { by: "ada" });
  expect(board.cutOf(contextOf())).toBeUndefined();
  expect(machines.records.map(({ action }) => action)).toStrictEqual(["unplugged", "plugged"]);
});

test("a new reading drops what was lifted unheard", async () => {
  const machines = createTestMachines();
  const { controls } = machines.store;
  const deaf = {
    read: controls.read.bind(controls),
    update: controls.update.bind(controls),
    list: controls.list.bind(controls),
    watch: () => () => undefined,
  };
  const board = new Plugboard({ ...machines, controls: deaf });
  void board.unplug({ kind: "all" }, ACT);
  void boardOf(machines).plug({ kind: "all" }, { by: "ada" });
  expect(board.cutOf(contextOf())).toBeDefined();
  await board.load();
  expect(board.cutOf(contextOf())).toBeUndefined();
});

test("what was not read yet is stale; it is tried again until it is", async () => {
  const machines = createTestMachines();
  void boardOf(machines).unplug({ kind: "all" }, ACT);
  const controls = brokenDocuments(machines.store.controls);
  const board = new Plugboard({ ...machines, controls });
  expect(board.isStale()).toBe(true);
  await Promise.resolve();
  controls.heal();
  await new Promise((resolve) => setImmediate(resolve));
  expect(machines.errors).toHaveLength(1);
  machines.advanceMs(1_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(board.isStale()).toBe(false);
  expect(board.cutOf(contextOf())).toBeDefined();
});

test("a replica unconfirmed for two heartbeats is stale until it is confirmed again", () => {
  const machines = createTestMachines();
  const board = boardOf(machines);
  machines.advanceMs(1_000_000);
  expect(board.isStale()).toBe(false);
  board.confirm(1_000);
  machines.advanceMs(2_000);
  expect(board.isStale()).toBe(false);
  machines.advanceMs(1);
  expect(board.isStale()).toBe(true);
  board.confirm(1_000);
  expect(board.isStale()).toBe(false);
});

test("an empty id is refused: it would cut nothing", () => {
  const board = boardOf(createTestMachines());
  expect(() => board.unplug({ kind: "agent", id: "" }, ACT)).toThrow(
    expect.objectContaining({ code: "usage_invalid" }),
  );
});

test("a listener that fails neither keeps a kill from being stored nor others from hearing of it", async () => {
  const machines = createTestMachines();
  const board = boardOf(machines);
  let heard = 0;
  board.subscribe(() => {
    throw new Error("dashboard bug");
  });
  board.subscribe(async () => {
    throw new Error("dashboard bug");
  });
  board.subscribe(() => void heard++);
  await board.unplug({ kind: "all" }, ACT);
  expect(heard).toBe(1);
  expect(boardOf(machines).cutOf(contextOf())).toMatchObject(ACT);
  await Promise.resolve();
  expect(machines.errors).toStrictEqual(Array(2).fill("a listener to plugs and modes failed"));
});

test.for<[subject: object, message: RegExp]>([
  [{ kind: "tool", id: "t*" }, /"t\*" is a pattern/],
  [{ kind: "agent", id: "billing-?" }, /is a pattern/],
  [{ kind: "agent", id: "a", tenant: "ac*" }, /"ac\*" is a pattern, and the tenant/],
  [
    { kind: "agent", id: "a", tenat: "acme" },
    /"tenat" is not a member of a subject; did you mean "tenant"\?/,
  ],
  [{ kind: "agent", id: "a", tenant: null }, /"tenant" of a subject must be a non-empty text/],
  [{ kind: "agent", id: "a", tenant: "" }, /"tenant" of a subject must be a non-empty text/],
  [{ kind: "all", id: "a" }, /"all" is everything and has no id/],
  [{ kind: "all", tenant: "acme" }, /"all" is everything and has no tenant; use kind: "tenant"/],
])("refuses to unplug %j: it would stop others than it seems to", ([subject, message]) => {
  const machines = createTestMachines();
  const board = boardOf(machines);
  // From JavaScript or JSON, where no compiler looks.
  const stop = () => board.unplug(subject as PlugSubject, ACT);
  expect(stop).toThrow(message);
  expect(stop).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  expect(board.entries()).toStrictEqual([]);
  expect(machines.records).toStrictEqual([]);
});
