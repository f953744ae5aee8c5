import { setTimeout } from "node:timers/promises";

import type { StateStore } from "@agentplane/core";
import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";

import { TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

const HOUR_MS = 3_600_000;

describe.skipIf(!hasServer)("the contract of a state store", () => {
  const schema = new TestSchema();
  let nowMs = 1_795_000_000_000;
  let setClock: (nowMs: number) => Promise<void>;

  beforeAll(async () => {
    setClock = await schema.useTestClock(nowMs);
  });
  afterAll(() => schema.drop());

  /** @param pollMs How long changes of other processes may take to be seen. */
  const casesWith = (pollMs: number): ReturnType<typeof stateStoreContract> =>
    stateStoreContract({
      name: "postgres",
      isDurable: true,
      async create() {
        await schema.empty();
        const open = (): StateStore => schema.open({ pollMs });
        const [store, second] = [open(), open()];
        return {
          store,
          second,
          reopen: open,
          async advanceMs(durationMs) {
            // What is read first of the log is chosen by real time, which the test's clock must not overtake: a listing waits
            // for the reading under way.
            // A process that has ended reads nothing.
            await Promise.allSettled([store, second].map(async ({ controls }) => controls.list("")));
            nowMs += durationMs;
            await setClock(nowMs);
            // Changes travel in real time.
            await setTimeout(60);
          },
        };
      },
    });
  const isOfPlane = ({ name }: { readonly name: string }): boolean =>
    /of its plane|by (two )?planes/.test(name);
  const cases = [
    ...casesWith(30).filter((one) => !isOfPlane(one)),
    // Planes, which stop when nothing was confirmed for four of it.
    ...casesWith(500).filter(isOfPlane),
  ];
  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  // No process's wall clock is ever looked at: were it, holds would be up before they begin.
  test("what depends on time does not depend on the clock of a process, hours behind here", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: nowMs - 7 * HOUR_MS });
    onTestFinished(() => void vi.useRealTimers());
    const ofTime = casesWith(30).filter(({ name }) => /clock|window|time is up|expir|renewed/.test(name));
    expect(ofTime.length).toBeGreaterThan(8);
    for (const { run } of ofTime.filter((one) => !isOfPlane(one))) {
      // oxlint-disable-next-line no-await-in-loop -- they share the clock
      await run();
    }
  });
});
