import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { expect, test } from "vitest";

import { sqliteState } from "../../src/node/sqlite-state.ts";
import { stateStoreContract } from "../../src/testing/state-store-contract.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { createTestMachine } from "./test-machine.ts";

const cases = (["each", "grouped"] as const).flatMap((writes) =>
  stateStoreContract({
    name: writes === "each" ? "sqlite" : "sqlite in groups",
    isDurable: true,
    create() {
      const file = path.join(temporaryDirectory(), "state.db");
      const machine = createTestMachine();
      return {
        store: sqliteState({ path: file, machine, writes }),
        // The two work on one file together, too.
        second: sqliteState({ path: file, machine: machine.skewedMs(-7 * 3_600_000) }),
        reopen: () => sqliteState({ path: file, machine, writes }),
        async advanceMs(durationMs) {
          machine.advanceMs(durationMs);
          // Other connections are looked at in real time.
          await wait(30);
        },
      };
    },
  }),
);

test.for(cases.map((one) => [one.name, one.run] as const))("%s", async ([, run]) => {
  await expect(run()).resolves.toBeUndefined();
});
