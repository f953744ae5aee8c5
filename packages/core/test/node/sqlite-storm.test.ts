import path from "node:path";

import { expect, test } from "vitest";

import { faultsOf, runStorm, type StormOptions } from "../storm/storm.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const OPENER = path.join(import.meta.dirname, "../storm/open-sqlite.ts");

function storeOf(): StormOptions["store"] {
  return { module: OPENER, options: { path: path.join(temporaryDirectory(), "state.db"), timeout: "20s" } };
}

test("a process killed in the middle of thousands of reservations leaves an account that balances", async () => {
  const [result] = await runStorm({
    store: storeOf(),
    rounds: 1,
    processes: 1,
    kills: 1,
    callers: 1_000,
    limit: 1_000_000,
    ends: "leave",
    reservationsPerCaller: 5,
  });
  if (result === undefined) throw new Error("no round was run");
  expect(faultsOf(result).filter((fault) => !fault.startsWith("only"))).toStrictEqual([]);
  expect(result.killed).toBe(1);
  expect(result.granted).toBeGreaterThan(0);
  // One call at most was between its reservation and its note.
  expect(result.inDoubt).toBeLessThanOrEqual(1);
});
