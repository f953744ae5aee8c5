import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { AGENT, CALLS, ESTIMATE_MS, HOLD_TTL_MS, planeOptions } from "./held-calls.ts";
import { isReachable, storeAddress, type StoreName } from "./stores.ts";
import { dropStore, openStore, type StoreAddress } from "./storm-plan.ts";

const STORES: readonly StoreName[] = ["sqlite", "redis", "postgres"];
const CHILD = path.join(import.meta.dirname, "hold-until-killed.ts");
/** A machine that does other things may be too slow to kill it before it is through. */
const ATTEMPTS = 5;
let opened = 0;

describe.each(STORES)("kill -9 of an engine process in the middle of 1,000 reservations on %s", (name) => {
  test("leaves a ledger that balances exactly when their time is up", async ({ skip }) => {
    if (!(await isReachable(name))) skip();
    const killed = await killInTheMiddle(name);
    const plane = createAgentPlane(planeOptions(await openStore(killed.store)));
    try {
      await plane.ready();
      const calls = await settledCalls(plane);
      expect(calls).toBeGreaterThanOrEqual(killed.told);
      expect(calls).toBeLessThanOrEqual(CALLS);
      // All limits of a call, or none; on a slow machine the time of the first may be up already.
      const { used, held } = await read(plane, "charged");
      expect(used + held).toBe(calls * ESTIMATE_MS);
      await expect
        .poll(async () => (await read(plane, "charged")).held, { timeout: 10 * HOLD_TTL_MS, interval: 100 })
        .toBe(0);
      expect(await read(plane, "calls")).toMatchObject({ used: calls, held: 0 });
      expect(await read(plane, "charged")).toMatchObject({ used: calls * ESTIMATE_MS, held: 0 });
      expect(await read(plane, "returned")).toMatchObject({ used: 0, held: 0 });
      // And it goes on from there.
      expect(await call(plane)).toBe("ran");
      expect(await read(plane, "calls")).toMatchObject({ used: calls + 1 });
    } finally {
      await plane.close();
      await dropStore(killed.store);
    }
  }, 120_000);
});

interface Killed {
  readonly store: StoreAddress;
  /** Calls that were seen to run before. */
  readonly told: number;
}

async function killInTheMiddle(name: StoreName): Promise<Killed> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const directory = temporaryDirectory();
    const own = `kill_${process.pid}_${Date.now().toString(36)}_${opened++}`;
    const store = storeAddress(name, { directory, name: own });
    // oxlint-disable-next-line no-await-in-loop -- until one was killed in the middle
    const told = await killOne(store, path.join(directory, "calls.log"));
    if (told < CALLS) return { store, told };
    // oxlint-disable-next-line no-await-in-loop
    await dropStore(store);
  }
  throw new Error(`in ${ATTEMPTS} attempts every call had begun before the kill`);
}

/** @returns How many calls it has told of. */
async function killOne(store: StoreAddress, log: string): Promise<number> {
  closeSync(openSync(log, "a"));
  const child = fork(CHILD, {
    execArgv: ["--conditions=agentplane-source", "--disable-warning=ExperimentalWarning"],
  });
  try {
    child.send({ store, log });
    const ended = once(child, "exit");
    const [said] = (await Promise.race([once(child, "message"), ended])) as readonly unknown[];
    if (said !== "ready") throw new Error("the process did not start");
    const after = 1 + Math.random() * 0.2 * CALLS;
    // oxlint-disable-next-line no-await-in-loop -- there is no event for it
    while (child.exitCode === null && statSync(log).size < after) await wait(1);
    child.kill("SIGKILL");
    await ended;
    return statSync(log).size;
  } finally {
    child.kill("SIGKILL");
  }
}

/** What is counted once a server has dealt with all that the process had sent before it was killed. */
async function settledCalls(plane: AgentPlane): Promise<number> {
  let calls = -1;
  for (let same = 0; same < 5;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { used } = await read(plane, "calls");
    same = used === calls ? same + 1 : 0;
    calls = used;
    // oxlint-disable-next-line no-await-in-loop
    await wait(20);
  }
  return calls;
}

async function read(plane: AgentPlane, ruleId: string) {
  const [state] = await plane.limits.read({ policyId: "held", ruleId, agent: AGENT });
  if (state === undefined) throw new Error(`there is no limit ${ruleId}`);
  return state;
}

async function call(plane: AgentPlane): Promise<string> {
  const { status } = await plane.guard.toolCall({
    context: plane.guard.context({
      hookpoint: "before_tool_call",
      agent: AGENT,
      tool: { name: "long", input: {} },
    }),
    run: () => "done",
  });
  return status;
}
