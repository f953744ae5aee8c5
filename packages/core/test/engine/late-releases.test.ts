import { expect, it } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import type { DocumentStore, StateStore } from "../../src/store/state-store.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { createLatch } from "../../src/testing/scenarios/script-parts.ts";
import { createBench, sharedState, toolCall, type Bench } from "../plane/bench.ts";
import { LIMIT, takenOf } from "./limited-calls.ts";

function contextOf({ plane }: Bench): PolicyContext {
  return plane.guard.context(toolCall("search", { q: 1 }, { callId: "c1" }));
}

/** Two processes on one state, whose first one reaches a collection as a test wants. */
function twoProcesses(
  collection: "sessions" | "admissions",
  update: (inner: DocumentStore) => DocumentStore,
) {
  const ports = createTestPorts();
  const state = sharedState(ports);
  const faulty: StateStore = { ...state, [collection]: update(state[collection]) };
  const options = { policies: [LIMIT], sharedPorts: ports, stateTimeout: "1h" };
  return {
    first: createBench({ ...options, state: faulty }),
    second: createBench({ ...options, state }),
    clock: ports.clock,
  };
}

it("a call that is undone twice takes nothing from the same call that runs in another process by then", async () => {
  let isAway = true;
  const { first, second, clock } = twoProcesses("sessions", (inner) => ({
    ...inner,
    read: (key) => inner.read(key),
    update: (...given) => {
      if (isAway) throw new Error("the store is away");
      return inner.update(...given);
    },
  }));
  expect(await first.plane.guard.admit(contextOf(first))).toMatchObject({ status: "blocked" });
  expect(await takenOf(second)).toBe(0);
  expect(await second.plane.guard.admit(contextOf(second))).toMatchObject({ status: "admitted" });
  expect(await takenOf(second)).toBe(1);
  isAway = false;
  clock.advance(1_000);
  await Promise.resolve();
  expect(await takenOf(second)).toBe(1);
});

it("a process that stood still takes nothing from another that has the call by then", async () => {
  const awake = createLatch();
  let updates = 0;
  const { first, second, clock } = twoProcesses("admissions", (inner) => ({
    ...inner,
    read: (key) => inner.read(key),
    // The claim at once; what it comes to, only when the process goes on.
    update: (...given) =>
      ++updates === 2 ? awake.opened.then(() => inner.update(...given)) : inner.update(...given),
  }));
  const slow = first.plane.guard.admit(contextOf(first));
  await Promise.resolve();
  clock.advance(130_000);
  expect(await second.plane.guard.admit(contextOf(second))).toMatchObject({ status: "admitted" });
  const taken = await takenOf(second);
  awake.open();
  expect(await slow).toMatchObject({ status: "blocked" });
  expect(await takenOf(second)).toBe(taken);
});
