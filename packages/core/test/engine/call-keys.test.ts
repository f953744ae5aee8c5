import { describe, expect, it } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import {
  blocking,
  createBench,
  sharedState,
  toolCall,
  type Bench,
  type BenchOptions,
} from "../plane/bench.ts";
import { LIMIT, takenOf } from "./limited-calls.ts";

function contextOf({ plane }: Bench, callId = "c1", name = "search"): PolicyContext {
  return plane.guard.context(toolCall(name, { q: 1 }, { callId }));
}

describe("a call with an id", () => {
  it("is executed once: a replay of what ran is refused and changes nothing", async () => {
    const bench = createBench({ policies: [LIMIT] });
    let runs = 0;
    const call = { context: contextOf(bench), run: (): number => ++runs };
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran", result: 1 });
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({
      status: "blocked",
      decision: { cause: "already_executed" },
    });
    expect(runs).toBe(1);
    expect(await takenOf(bench)).toBe(1);
  });

  it.each([
    ["another input", toolCall("search", { q: 2 }, { callId: "c1" })],
    ["another tool", toolCall("update", { q: 1 }, { callId: "c1" })],
    ["another agent", toolCall("search", { q: 1 }, { callId: "c1", agent: "bot-2" })],
    ["another tenant", toolCall("search", { q: 1 }, { callId: "c1", tenant: "beta" })],
    ["another session", toolCall("search", { q: 1 }, { callId: "c1", session: "s2" })],
  ])("is another call with %s: an id alone is never trusted", async (_what, other) => {
    const bench = createBench();
    await bench.plane.guard.toolCall({ context: contextOf(bench), run: () => 1 });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(other),
      run: () => 2,
    });
    expect(outcome).toMatchObject({ status: "ran", result: 2 });
  });

  it("is refused while it runs elsewhere", async () => {
    const bench = createBench();
    const admission = await bench.plane.guard.admit(contextOf(bench));
    expect(admission.status).toBe("admitted");
    expect(await bench.plane.guard.admit(contextOf(bench))).toMatchObject({
      decision: { cause: "in_flight" },
    });
  });

  it("may be tried again after it failed: the next attempt, a fresh hold", async () => {
    const bench = createBench({ policies: [LIMIT] });
    const failing = { context: contextOf(bench), run: () => Promise.reject(new Error("lost")) };
    await expect(bench.plane.guard.toolCall(failing)).rejects.toThrow("lost");
    expect(await bench.plane.guard.toolCall({ context: contextOf(bench), run: () => 2 })).toMatchObject({
      status: "ran",
    });
    expect(bench.decisions().map(({ attempt }) => attempt)).toStrictEqual([1, 2]);
    // A rate stays when the call failed; the retry is a call of its own.
    expect(await takenOf(bench)).toBe(2);
  });

  it("comes back after an interrupt under the same hold and counts once", async () => {
    const bench = createBench({ policies: [LIMIT] });
    const interrupt = new Error("interrupt");
    const call = {
      context: contextOf(bench),
      run: (): never => {
        throw interrupt;
      },
      isControlFlow: (error: unknown) => error === interrupt,
    };
    expect(() => bench.plane.guard.toolCall(call)).toThrow(interrupt);
    expect(await takenOf(bench)).toBe(1);
    expect(await bench.plane.guard.toolCall({ context: contextOf(bench), run: () => 1 })).toMatchObject({
      status: "ran",
    });
    expect(await takenOf(bench)).toBe(1);
  });

  it("is decided again on resume: a policy that came meanwhile wins", async () => {
    const bench = createBench();
    const admission = await bench.plane.guard.admit(contextOf(bench));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await bench.plane.guard.suspend(admission);
    bench.plane.engine.addPolicy(blocking("stop", [rule.denylist({ tools: ["search"] })]));
    expect(await bench.plane.guard.admit(contextOf(bench))).toMatchObject({ decision: { policyId: "stop" } });
  });

  it("that was asked about first counts once", async () => {
    const bench = createBench({ policies: [LIMIT] });
    expect(await bench.plane.guard.ask(contextOf(bench))).toMatchObject({ effect: "allow" });
    expect(await takenOf(bench)).toBe(0);
    expect(await bench.plane.guard.toolCall({ context: contextOf(bench), run: () => 1 })).toMatchObject({
      status: "ran",
    });
    expect(await takenOf(bench)).toBe(1);
    expect(bench.decisions()).toHaveLength(1);
  });

  it("that was never started is given back and may come again", async () => {
    const bench = createBench({ policies: [LIMIT] });
    const admission = await bench.plane.guard.admit(contextOf(bench));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await bench.plane.guard.release(admission);
    expect(await takenOf(bench)).toBe(0);
    expect(await bench.plane.guard.admit(contextOf(bench))).toMatchObject({ status: "admitted" });
    expect(bench.outcomes()).toMatchObject([{ outcome: "released" }]);
  });
});

describe("a second interception of one call", () => {
  it("inside the same execution joins the admission: one record, one slot, one end", async () => {
    const bench = createBench({ policies: [LIMIT] });
    const inner = { context: contextOf(bench), run: () => "done" };
    const outcome = await bench.plane.guard.toolCall({
      context: contextOf(bench),
      run: async () => {
        await Promise.resolve();
        return bench.plane.guard.toolCall(inner);
      },
    });
    expect(outcome).toMatchObject({ status: "ran", result: { status: "ran", result: "done" } });
    expect(await takenOf(bench)).toBe(1);
    expect(bench.decisions()).toHaveLength(1);
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("is decided again when policies changed inside: a remembered allow is not reused", async () => {
    const bench = createBench({ policies: [LIMIT] });
    const outcome = await bench.plane.guard.toolCall({
      context: contextOf(bench),
      run: () => {
        bench.plane.engine.addPolicy(blocking("stop", [rule.denylist({ tools: ["search"] })]));
        return bench.plane.guard.toolCall({ context: contextOf(bench), run: () => "done" });
      },
    });
    expect(outcome).toMatchObject({ result: { status: "blocked", decision: { policyId: "stop" } } });
    expect(await takenOf(bench)).toBe(1);
  });

  it("is known by the rewritten input too", async () => {
    const bench = createBench({
      policies: [blocking("r", [rule.redact({ fields: ["q"], from: ["input"] })])],
    });
    const outcome = await bench.plane.guard.toolCall({
      context: contextOf(bench),
      run: ({ input }) =>
        bench.plane.guard.toolCall({
          context: bench.plane.guard.context(toolCall("search", input, { callId: "c1" })),
          run: () => "done",
        }),
    });
    expect(outcome).toMatchObject({ result: { status: "ran", result: "done" } });
    expect(bench.decisions()).toHaveLength(1);
  });
});

/** Two processes on one store and clock. */
function twoProcesses(onUnknownOutcome: "block" | "rerun"): {
  readonly first: Bench;
  readonly second: Bench;
} {
  const ports = createTestPorts();
  const options: BenchOptions = {
    state: sharedState(ports),
    policies: [LIMIT],
    sharedPorts: ports,
    onUnknownOutcome,
  };
  return { first: createBench(options), second: createBench(options) };
}

describe("a crash", () => {
  it.each([
    ["block", "search", "unknown_outcome"],
    ["rerun", "update", "unknown_outcome"],
    ["rerun", "search", undefined],
  ] as const)("with onUnknownOutcome %s and the tool %s: %s", async (onUnknownOutcome, tool, cause) => {
    const { first, second } = twoProcesses(onUnknownOutcome);
    await first.plane.guard.admit(contextOf(first, "c1", tool));
    // The process is gone: nothing renews its hold.
    first.plane.guard.close();
    expect(await second.plane.guard.admit(contextOf(second, "c1", tool))).toMatchObject({
      decision: { cause: "in_flight" },
    });
    second.ports.clock.advance(130_000);
    const again = await second.plane.guard.admit(contextOf(second, "c1", tool));
    expect(again).toMatchObject(
      cause === undefined ? { status: "admitted" } : { status: "blocked", decision: { cause } },
    );
  });

  it("is not assumed of a call that only takes long: its hold is renewed", async () => {
    const { first, second } = twoProcesses("rerun");
    const admission = await first.plane.guard.admit(contextOf(first));
    if (admission.status !== "admitted") throw new Error("not admitted");
    for (let minute = 0; minute < 10; minute++) {
      first.plane.guard.renew(admission);
      first.ports.clock.advance(60_000);
    }
    expect(await second.plane.guard.admit(contextOf(second))).toMatchObject({
      decision: { cause: "in_flight" },
    });
    expect(await takenOf(second)).toBe(1);
    await first.plane.guard.complete(admission, { status: "ran", result: 1 });
    expect(await takenOf(second)).toBe(1);
  });
});

it("of two processes that admit one call at once, one runs it", async () => {
  const ports = createTestPorts();
  const state = sharedState(ports);
  const both = [createBench({ state, sharedPorts: ports }), createBench({ state, sharedPorts: ports })];
  const admitted = await Promise.all(both.map(async (bench) => bench.plane.guard.admit(contextOf(bench))));
  expect(admitted.map(({ status }) => status).toSorted()).toStrictEqual(["admitted", "blocked"]);
});

it("without a call id every call is a call of its own", async () => {
  const bench = createBench();
  const call = { context: bench.plane.guard.context(toolCall("search")), run: () => 1 };
  expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
  expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
});
