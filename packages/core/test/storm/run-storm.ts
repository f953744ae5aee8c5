import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import type { StoreAddress } from "./storm-plan.ts";
import { faultsOf, runStorm } from "./storm.ts";

// npm run storm -- sqlite                                  20 rounds on a file
// npm run storm -- <module> '<json>' [rounds]              on any store: a module that exports `openState(options)`

const ROUNDS = 20;

const [target = "sqlite", options = "{}", rounds = String(ROUNDS)] = process.argv.slice(2);
const directory = mkdtempSync(path.join(tmpdir(), "agentplane-storm-state-"));
const store: StoreAddress =
  target === "sqlite"
    ? {
        module: path.join(import.meta.dirname, "open-sqlite.ts"),
        options: { path: path.join(directory, "state.db"), timeout: "10s" },
      }
    : { module: path.resolve(target), options: JSON.parse(options) as unknown };
let hasFailed = false;
try {
  await runStorm({
    store,
    rounds: Number(rounds),
    onRound(result) {
      const { round, used, limit, low, high, granted, inDoubt, killed, utilisation, tookMs } = result;
      const faults = faultsOf(result);
      hasFailed ||= faults.length > 0;
      console.log(
        `round ${round + 1}: ${granted} granted, ${killed} killed, used ${used} of ${limit} (logs: ${low}–${high}, ` +
          `${inDoubt} in doubt), usable ${(utilisation * 100).toFixed(1)} %, ${Math.round(tookMs)} ms` +
          (faults.length > 0 ? `  WRONG: ${faults.join("; ")}` : ""),
      );
    },
  });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(hasFailed ? "the ledger is wrong" : "overspend 0, ledger exact");
process.exitCode = hasFailed ? 1 : 0;
