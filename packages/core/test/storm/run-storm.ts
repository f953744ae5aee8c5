import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { storeAddress, type StoreName } from "./stores.ts";
import { dropStore, type StoreAddress } from "./storm-plan.ts";
import { faultsOf, runStorm } from "./storm.ts";

// npm run storm -- sqlite | redis | leased | postgres [rounds]   20 rounds; the servers at REDIS_URL and DATABASE_URL
// npm run storm -- <module> '<json>' [rounds]              on any store: a module that exports `openState(options)`

const ROUNDS = 20;
const directory = mkdtempSync(path.join(tmpdir(), "agentplane-storm-state-"));
const own = `storm_${process.pid}_${Date.now().toString(36)}`;
const NAMES: readonly string[] = ["sqlite", "redis", "leased", "postgres"] satisfies readonly StoreName[];

const [target = "sqlite", ...rest] = process.argv.slice(2);
const named = NAMES.includes(target)
  ? // One of them.
    storeAddress(target as StoreName, { directory, name: own })
  : undefined;
const [rounds = String(ROUNDS)] = named === undefined ? rest.slice(1) : rest;
const store: StoreAddress = named ?? {
  module: path.resolve(target),
  options: JSON.parse(rest[0] ?? "{}") as unknown,
};
let hasFailed = false;
try {
  await runStorm({
    store,
    rounds: Number(rounds),
    onRound(result) {
      const { round, used, limit, low, high, granted, inDoubt, killed, utilisation, tookMs } = result;
      const { peak, late } = result;
      const faults = faultsOf(result);
      hasFailed ||= faults.length > 0;
      console.log(
        `round ${round + 1}: ${granted} granted, ${killed} killed, used ${used} of ${limit} (logs: ${low}–${high}, ` +
          `${inDoubt} in doubt), peak ${peak} (${late} late), usable ${(utilisation * 100).toFixed(1)} %, ${Math.round(tookMs)} ms` +
          (faults.length > 0 ? `  WRONG: ${faults.join("; ")}` : ""),
      );
    },
  });
} finally {
  await dropStore(store);
  rmSync(directory, { recursive: true, force: true });
}
console.log(hasFailed ? "the ledger is wrong" : "overspend 0, ledger exact");
process.exitCode = hasFailed ? 1 : 0;
