import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, onTestFinished, test } from "vitest";

import { sqliteState } from "../../src/node/sqlite-state.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A process that follows plugs and modes, and another one that writes them; the first looks when time passes. */
function createBench() {
  const file = path.join(temporaryDirectory(), "state.db");
  const ports = createTestPorts();
  const [state, other] = [sqliteState({ path: file, ports }), sqliteState({ path: file })];
  const heard: string[] = [];
  state.controls.watch("", {
    changed: (key) => heard.push(key),
    confirmed: () => heard.push("confirmed"),
    missed: () => heard.push("missed"),
  });
  const admin = new DatabaseSync(file);
  onTestFinished(() => {
    for (const one of [state, other, admin]) one.close();
  });
  const listen = (): readonly string[] => {
    heard.length = 0;
    ports.clock.advance(1_000);
    return [...new Set(heard)];
  };
  return { listen, other, admin, logger: ports.logger };
}

test("what was forgotten of the log before it was read is missed, not passed over", () => {
  const { listen, other, admin } = createBench();
  expect(listen()).toStrictEqual(["confirmed"]);
  for (const key of ["a", "b", "c"]) other.controls.update(key, () => 1);
  // As the store does when ten thousand have come after them.
  admin.exec("DELETE FROM change WHERE revision < (SELECT max(revision) FROM change)");
  expect(listen()).toStrictEqual(expect.arrayContaining(["c", "missed"]));
  expect(listen()).toStrictEqual(["confirmed"]);
});

test("nothing is confirmed while the log cannot be read, and what changed meanwhile is heard after that", () => {
  const { listen, other, admin, logger } = createBench();
  expect(listen()).toStrictEqual(["confirmed"]);
  other.controls.update("a", () => 1);
  admin.exec("ALTER TABLE change RENAME TO moved");
  expect(listen()).toStrictEqual([]);
  expect(logger.messages("error")).toHaveLength(1);
  admin.exec("ALTER TABLE moved RENAME TO change");
  expect(listen()).toStrictEqual(["a", "confirmed"]);
});
