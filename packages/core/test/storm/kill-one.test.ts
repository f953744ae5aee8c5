import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { describe, expect, test } from "vitest";

import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { callOf, MOST_CALLS, planeOptions } from "./one-call.ts";
import { isReachable, storeAddress, type StoreName } from "./stores.ts";
import { dropStore, openStore, type StoreAddress } from "./storm-plan.ts";

const STORES: readonly StoreName[] = ["sqlite", "redis", "leased", "postgres"];
const CHILD = path.join(import.meta.dirname, "run-until-killed.ts");
let opened = 0;

describe.each(STORES)("kill -9 of a process in the middle of a call on %s", (name) => {
  test("lets no other process make the call, use its approval, or have its place in a limit", async ({
    skip,
  }) => {
    if (!(await isReachable(name))) skip();
    const own = `one_${process.pid}_${Date.now().toString(36)}_${opened++}`;
    const store = storeAddress(name, { directory: temporaryDirectory(), name: own });
    const plane = createAgentPlane(planeOptions(await openStore(store)));
    try {
      await plane.ready();
      const { approvalId = "" } = await plane.engine.decide(callOf("pay", "pay"));
      await plane.approvals.approve(approvalId, { by: "mira", role: "operator" });
      expect(await runAndKill(store)).toEqual(new Set(["look", "pay"]));
      // Nobody knows yet that the process is gone.
      expect([await run(plane, "pay"), await run(plane, "look")]).toEqual(["in_flight", "in_flight"]);
      expect((await plane.approvals.get(approvalId))?.status).toBe("consumed");
      expect((await plane.engine.decide(callOf("pay", "another"))).effect).toBe("ask");
      // Now it is; a payment may have been made, a look does no harm.
      await expect.poll(() => run(plane, "pay"), { timeout: 20_000 }).toBe("unknown_outcome");
      await expect.poll(() => run(plane, "look"), { timeout: 20_000 }).toBe("ran");
      expect(await run(plane, "look")).toBe("already_executed");
      const [calls] = await plane.limits.read({ policyId: "p", ruleId: "calls", agent: "worker" });
      expect(calls).toMatchObject({ used: MOST_CALLS });
      expect(await run(plane, "look", "one more")).toBe("limit");
    } finally {
      await plane.close();
      await dropStore(store);
    }
  }, 60_000);
});

/** Until both calls run. @returns Those that did. */
async function runAndKill(store: StoreAddress): Promise<ReadonlySet<unknown>> {
  const child = fork(CHILD, {
    execArgv: ["--conditions=agentplane-source", "--disable-warning=ExperimentalWarning"],
  });
  try {
    const ended = once(child, "exit");
    const running = new Set<unknown>();
    const bothRun = new Promise<void>((resolve) => {
      child.on("message", (tool) => running.add(tool).size === 2 && resolve());
    });
    child.send(store);
    await Promise.race([bothRun, ended]);
    child.kill("SIGKILL");
    await ended;
    return running;
  } finally {
    child.kill("SIGKILL");
  }
}

/** @returns `ran`, or why not. */
async function run(plane: AgentPlane, tool: "pay" | "look", callId: string = tool): Promise<string> {
  const { guard } = plane;
  const outcome = await guard.toolCall({ context: guard.context(callOf(tool, callId)), run: () => "done" });
  return outcome.status === "ran" ? "ran" : (outcome.decision?.cause ?? outcome.status);
}
