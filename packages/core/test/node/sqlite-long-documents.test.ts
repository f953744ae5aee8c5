import { statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";

import { SqliteDatabase } from "../../src/node/sqlite-database.ts";
import { editsBetween, withEdits, type Edit } from "../../src/node/sqlite-edits.ts";
import { sqliteState, type SqliteState } from "../../src/node/sqlite-state.ts";
import { MemoryDocuments } from "../../src/store/memory-documents.ts";
import type { DocumentStore } from "../../src/store/state-store.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { createTestMachine } from "./test-machine.ts";

interface Entry {
  readonly at: number;
  readonly text: string;
  readonly isOpen?: boolean;
}
interface History {
  readonly revision: number;
  readonly entries: readonly Entry[];
}

const entryOf = (at: number): Entry => ({ at, text: `${at} `.repeat(40), isOpen: true });
const historyOf = (length: number): History => ({
  revision: length,
  entries: Array.from({ length }, (_, at) => entryOf(at)),
});

function open(file: string, machine = createTestMachine()): SqliteState {
  const state = sqliteState({ path: file, machine });
  onTestFinished(() => state.close());
  return state;
}

function rowsIn(file: string): readonly Readonly<Record<string, unknown>>[] {
  const database = new DatabaseSync(file);
  const rows = database.prepare("SELECT collection, key, value FROM document ORDER BY collection, key").all();
  database.close();
  return rows;
}

test("of a long document what has changed is written, not all of it", () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const state = open(file);
  state.sessions.update("s", () => historyOf(1_000));
  const checkpointing = new DatabaseSync(file);
  checkpointing.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  for (let at = 0; at < 40; at++) {
    state.sessions.update<History>("s", (old) => {
      if (old === undefined) throw new Error("it is gone");
      const ended = { ...entryOf(at), isOpen: false };
      return { revision: old.revision + 1, entries: old.entries.with(at, ended).concat(entryOf(1_000 + at)) };
    });
  }
  // Some pages each and the whole now and then; all of it each time were 300,000.
  expect(statSync(`${file}-wal`).size / 40).toBeLessThan(60_000);
  expect(open(file).sessions.read<History>("s")).toStrictEqual(state.sessions.read<History>("s"));
  checkpointing.close();
});

test("a release that knows nothing of it fails on such a document instead of writing over it", () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const state = open(file);
  state.sessions.update("s", () => historyOf(200));
  state.sessions.update<History>("s", (old) => ({ ...historyOf(0), entries: old?.entries.slice(1) ?? [] }));
  const row = rowsIn(file).find(({ key }) => key === "s");
  expect(() => JSON.parse(String(row?.["value"])) as unknown).toThrow(SyntaxError);
});

test("a long document without what it was kept upon is a failure, not another document", () => {
  const file = path.join(temporaryDirectory(), "state.db");
  open(file).sessions.update("s", () => historyOf(200));
  const database = new DatabaseSync(file);
  database.exec("DELETE FROM document WHERE collection <> 'sessions'");
  database.close();
  expect(() => open(file).sessions.read("s")).toThrow(
    expect.objectContaining({ code: "state_failed", data: { reason: "corrupt", path: file } }),
  );
});

test("another process may write a long document anew between the two looks at it", () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const machine = createTestMachine();
  const other = open(file, machine);
  other.sessions.update("s", () => historyOf(200));
  // Opened anew, so that it knows nothing of it yet.
  const state = open(file, machine);
  const seen = state.sessions.stored("s");
  expect(seen.version).toMatch(/^~/);
  other.sessions.update("s", () => undefined);
  other.sessions.update("s", () => historyOf(300));
  expect(state.sessions.valueOf("s", seen)).toStrictEqual(historyOf(300));
  const late = state.sessions.stored("s");
  other.sessions.update("s", () => undefined);
  expect(open(file, machine).sessions.valueOf("s", late)).toBeUndefined();
});

test("nor is a reader in between told that the file is damaged", () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const writer = open(file);
  writer.sessions.update("s", () => historyOf(200));
  const state = open(file);
  // Its statements are those of the process: the first look is followed by a write of the other.
  const get = vi.spyOn(SqliteDatabase.prototype, "get");
  onTestFinished(() => get.mockRestore());
  get.mockImplementationOnce(function (this: SqliteDatabase, ...given) {
    get.mockRestore();
    const row = this.get(...given);
    writer.sessions.update("s", () => undefined);
    writer.sessions.update("s", () => historyOf(300));
    return row;
  });
  expect(state.sessions.read("s")).toStrictEqual(historyOf(300));
});

/** Names that objects have anyway, and what JSON does not have. */
const NAMES = ["a", "b", "0", "__proto__", "constructor", "toJSON", ""];
const LEAVES = [0, -0, 1.5, Number.NaN, "", "\ud800", "~", true, null, undefined, new Date(0), () => 1];
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...LEAVES),
    fc.array(tie("value"), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie("value")), { maxLength: 4 })
      .map((members) => Object.fromEntries(members)),
  ),
})).value;

/** The same with some places changed; the others are shared. */
function changed(value: unknown, draw: () => number, other: () => unknown): unknown {
  if (draw() < 0.2) return other();
  if (Array.isArray(value)) {
    const list = value.map((item) => (draw() < 0.5 ? item : changed(item, draw, other)) as unknown);
    if (draw() < 0.3) list.splice(Math.floor(draw() * (list.length + 1)), Math.floor(draw() * 3), other());
    return list;
  }
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value)
    .filter(() => draw() > 0.15)
    .map(([name, item]) => [name, draw() < 0.5 ? (item as unknown) : changed(item, draw, other)] as const);
  if (draw() < 0.3)
    members.splice(draw() < 0.5 ? 0 : members.length, 0, [NAMES[Math.floor(draw() * 7)]!, other()]);
  return Object.fromEntries(members);
}

test("edits make of a document what its next JSON would be, whatever it is made of", () => {
  fc.assert(
    fc.property(
      anyValue,
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      fc.infiniteStream(anyValue),
      (from, draws, others) => {
        const json = JSON.stringify(from) as string | undefined;
        fc.pre(json !== undefined);
        const old = JSON.parse(json) as unknown;
        const next = changed(
          old,
          () => Number(draws.next().value),
          () => others.next().value,
        );
        const expected = JSON.stringify(next) as string | undefined;
        fc.pre(expected !== undefined);
        const edits = JSON.parse(JSON.stringify(editsBetween(old, next))) as readonly Edit[];
        expect(JSON.stringify(withEdits(old, edits))).toBe(expected);
        expect(JSON.stringify(old)).toBe(JSON.stringify(JSON.parse(json)));
      },
    ),
    { numRuns: 500 },
  );
});

type Step = readonly [
  kind: "edit" | "grow" | "cut" | "raw" | "undo" | "delete" | "wait",
  by: 0 | 1,
  at: number,
];
const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Step[0]>("edit", "edit", "edit", "grow", "grow", "cut", "raw", "undo", "delete", "wait"),
    fc.constantFrom(0 as const, 1 as const),
    fc.nat(400),
  ),
  { minLength: 5, maxLength: 40 },
);

function changeOf([kind, , at]: Step): (old: History | undefined) => History | undefined {
  return (old = historyOf(0)) => {
    const { entries, revision } = old;
    switch (kind) {
      case "grow":
        return { revision: revision + 1, entries: [...entries, ...historyOf(at).entries] };
      case "cut":
        return { revision: revision + 1, entries: entries.slice(Math.floor(entries.length / 2)) };
      case "raw":
        return Object.assign({ odd: undefined }, historyOf(at));
      case "delete":
        return undefined;
      default: {
        const found = entries[at % Math.max(entries.length, 1)];
        const ended = found && { ...found, isOpen: false };
        return {
          revision: revision + 1,
          entries: ended ? entries.with(entries.indexOf(found), ended) : [entryOf(at)],
        };
      }
    }
  };
}

const TTL_MS = 1_000;

test("whatever two processes make of long documents, both see what memory would have, and nothing is left behind", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const file = path.join(temporaryDirectory(), "state.db");
      const machine = createTestMachine();
      let nowMs = 0;
      const both = [0, 1].map(() => sqliteState({ path: file, machine }));
      const oracle: DocumentStore = new MemoryDocuments(() => nowMs);
      for (const step of list) {
        const [kind, by] = step;
        const state = both[by]!;
        const change = changeOf(step);
        if (kind === "wait") {
          nowMs += TTL_MS;
          machine.advanceMs(TTL_MS);
        } else if (kind === "undo") {
          const changes = [
            {
              collection: "sessions",
              key: "s",
              change: (old: unknown) => change(old as History | undefined),
            },
            { collection: "admissions", key: "none", change: (old: unknown) => old },
          ] as const;
          void state.admit({ reserve: undefined, changes });
        } else {
          state.sessions.update("s", change, { ttlMs: TTL_MS });
          void oracle.update("s", change, { ttlMs: TTL_MS });
        }
        for (const one of both)
          expect(JSON.stringify(one.sessions.read("s"))).toBe(JSON.stringify(oracle.read("s")));
      }
      // One whose time was up is not there to be deleted.
      both[0]!.sessions.update("s", () => historyOf(0));
      both[0]!.sessions.update("s", () => undefined);
      for (const one of both) one.close();
      expect(rowsIn(file)).toStrictEqual([]);
    }),
    { numRuns: 15 },
  );
});
