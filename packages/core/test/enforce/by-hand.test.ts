import { describe, expect, it } from "vitest";

import type { Admission } from "../../src/enforce/admission.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, sharedState, toolCall, type Bench } from "../plane/bench.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

const HOLD_MS = 120_000;
const BUDGET = blocking("b", [rule.tokenBudget({ maxTokens: 10_000, window: "1h", maxOutput: 500 })]);
const SILENT = /completed, released or suspended within holdTtl/;

async function admit(bench: Bench, context = modelCall({ callId: "c1" })): Promise<Admission> {
  const admitted = await bench.plane.guard.admit(context);
  if (admitted.status !== "admitted") throw new Error(`not admitted: ${admitted.message}`);
  return admitted;
}

async function tokensOf({ plane }: Bench): Promise<{ readonly used: number; readonly held: number }> {
  const [state] = await plane.limits.read({
    policyId: "b",
    ruleId: "tokenBudget",
    agent: "bot",
    tenant: "acme",
  });
  return { used: state?.used ?? -1, held: state?.held ?? -1 };
}

function pending<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let settle: Pick<ReturnType<typeof pending<T>>, "resolve" | "reject"> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error("a promise begins at once");
  return { promise, ...settle };
}

function outcomesOf(bench: Bench): readonly string[] {
  return bench.outcomes().map(({ outcome }) => outcome);
}

describe("a call that is admitted by hand and never ended", () => {
  it("holds until its time is up; that is charged, recorded, and said aloud once", async () => {
    const bench = createBench({ policies: [BUDGET] });
    await admit(bench);
    const { held } = await tokensOf(bench);
    expect(held).toBeGreaterThan(500);
    await bench.ports.clock.advanceAsync(HOLD_MS - 1);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held });
    expect(bench.outcomes()).toStrictEqual([]);

    await bench.ports.clock.advanceAsync(1);
    expect(await tokensOf(bench)).toStrictEqual({ used: held, held: 0 });
    expect(bench.outcomes()).toMatchObject([{ outcome: "unsettled", model: "m", durationMs: HOLD_MS }]);
    await admit(bench, modelCall({ callId: "c2" }));
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    expect(outcomesOf(bench)).toStrictEqual(["unsettled", "unsettled"]);
    expect(bench.ports.logger.messages("warn").filter((text) => SILENT.test(text))).toHaveLength(1);
  });

  it("gives back what it held where the limit says so", async () => {
    const rules = [rule.tokenBudget({ maxTokens: 10_000, window: "1h", maxOutput: 500, expired: "release" })];
    const bench = createBench({ policies: [blocking("b", rules)] });
    await admit(bench);
    await bench.ports.clock.advanceAsync(HOLD_MS);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held: 0 });
  });

  it("is still cut by a kill, for it may run", async () => {
    const bench = createBench();
    const { signal } = await admit(bench);
    await bench.ports.clock.advanceAsync(3 * HOLD_MS);
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "mira", reason: "strange" });
    expect(signal.aborted).toBe(true);
  });

  it("does not run again under its id", async () => {
    const bench = createBench();
    await admit(bench, toolCall("update", {}, { callId: "c1" }));
    await bench.ports.clock.advanceAsync(HOLD_MS);
    expect(await bench.plane.guard.admit(toolCall("update", {}, { callId: "c1" }))).toMatchObject({
      status: "blocked",
      decision: { cause: "unknown_outcome" },
    });
  });

  it("is forgotten once ten thousand others have fallen silent, and then cannot be ended", async () => {
    const bench = createBench();
    const first = await admit(bench, modelCall());
    await bench.plane.guard.admitBatch(Array.from({ length: 10_000 }, () => modelCall()));
    await bench.ports.clock.advanceAsync(2 * HOLD_MS);
    expect(() => bench.plane.guard.complete(first, { status: "ran", result: 1 })).toThrow(/already ended/);
    expect(bench.outcomes()).toHaveLength(10_001);
  });
});

describe("a call whose end comes after its time", () => {
  it("is judged, charged with what it used, and recorded; once", async () => {
    const bench = createBench({ policies: [BUDGET, blocking("secret", [rule.redact({ fields: ["ssn"] })])] });
    const admission = await admit(bench);
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    const end = {
      status: "ran",
      result: { ssn: "078-05-1120" },
      usage: { inputTokens: 3, outputTokens: 4 },
    } as const;
    const outcome = await bench.plane.guard.complete(admission, end);
    expect(outcome).toMatchObject({ status: "ran", result: { ssn: "[REDACTED]" } });
    expect(await tokensOf(bench)).toStrictEqual({ used: 7, held: 0 });
    expect(outcomesOf(bench)).toStrictEqual(["unsettled", "ran"]);
    expect(() => bench.plane.guard.complete(admission, end)).toThrow(/already ended/);
  });

  it("gives everything back when it never started", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const admission = await admit(bench);
    await bench.ports.clock.advanceAsync(2 * HOLD_MS);
    await bench.plane.guard.release(admission);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held: 0 });
    expect(outcomesOf(bench)).toStrictEqual(["unsettled", "released"]);
  });
});

describe("a call of which Guard knows that it runs", () => {
  it("holds as long as its caller says so", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const admission = await admit(bench);
    const { held } = await tokensOf(bench);
    for (let minute = 0; minute < 20; minute++) {
      bench.plane.guard.renew(admission);
      // oxlint-disable-next-line no-await-in-loop -- one minute after the other
      await bench.ports.clock.advanceAsync(60_000);
    }
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held });
    expect(bench.outcomes()).toStrictEqual([]);
    await bench.ports.clock.advanceAsync(HOLD_MS + HOLD_MS / 3);
    expect(outcomesOf(bench)).toStrictEqual(["unsettled"]);
  });

  it("holds as long as the promise that its caller gave is pending", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const admission = await admit(bench);
    const { held } = await tokensOf(bench);
    const running = pending<void>();
    bench.plane.guard.renew(admission, running.promise);
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held });
    running.reject(new Error("it failed, which is its caller's to say"));
    await bench.ports.clock.advanceAsync(HOLD_MS + HOLD_MS / 3);
    expect(outcomesOf(bench)).toStrictEqual(["unsettled"]);
  });

  it("holds as long as any of the promises that its caller gave is pending", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const admission = await admit(bench);
    const { held } = await tokensOf(bench);
    const [short, long] = [pending<void>(), pending<void>()];
    bench.plane.guard.renew(admission, short.promise);
    bench.plane.guard.renew(admission, long.promise);
    short.resolve();
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held });
    long.resolve();
    await bench.ports.clock.advanceAsync(HOLD_MS + HOLD_MS / 3);
    expect(outcomesOf(bench)).toStrictEqual(["unsettled"]);
  });

  it("holds on while Guard runs it, whatever became of a promise that its caller gave", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const [part, whole] = [pending<void>(), pending<string>()];
    const ran = bench.plane.guard.modelCall({
      context: modelCall(),
      run: (admitted) => {
        bench.plane.guard.renew(admitted, part.promise);
        return whole.promise;
      },
    });
    part.resolve();
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    whole.resolve("done");
    expect(await ran).toMatchObject({ status: "ran" });
    expect(outcomesOf(bench)).toStrictEqual(["ran"]);
  });

  it("holds for its whole time from a sign on, however late that came", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const admission = await admit(bench);
    const { held } = await tokensOf(bench);
    for (let time = 0; time < 5; time++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await bench.ports.clock.advanceAsync(HOLD_MS - 1);
      bench.plane.guard.renew(admission);
    }
    await bench.ports.clock.advanceAsync(HOLD_MS - 1);
    expect(await tokensOf(bench)).toStrictEqual({ used: 0, held });
    expect(bench.outcomes()).toStrictEqual([]);
  });

  it("is kept for its end though it had fallen silent, and ten thousand others after it", async () => {
    const bench = createBench();
    const first = await admit(bench, modelCall());
    await bench.ports.clock.advanceAsync(2 * HOLD_MS);
    await bench.plane.guard.admitBatch(Array.from({ length: 9_999 }, () => modelCall()));
    await bench.ports.clock.advanceAsync(2 * HOLD_MS);
    bench.plane.guard.renew(first);
    await bench.ports.clock.advanceAsync(HOLD_MS / 3);
    await bench.plane.guard.admitBatch([modelCall()]);
    await bench.ports.clock.advanceAsync(2 * HOLD_MS);
    const outcome = await bench.plane.guard.complete(first, { status: "ran", result: 1 });
    expect(outcome).toMatchObject({ status: "ran" });
  });

  it("costs the store nothing for each sign of life", async () => {
    const ports = createTestPorts();
    const state = sharedState(ports);
    let renewals = 0;
    const { ledger } = state;
    const renew = ledger.renew.bind(ledger);
    ledger.renew = (id, ttlMs) => {
      renewals++;
      return renew(id, ttlMs);
    };
    const bench = createBench({ policies: [BUDGET], sharedPorts: ports, state });
    const admission = await admit(bench);
    for (let count = 0; count < 1_000; count++) bench.plane.guard.renew(admission);
    await bench.ports.clock.advanceAsync(HOLD_MS / 3);
    expect(renewals).toBe(1);
  });

  it("holds while Guard runs it, without a word", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const running = pending<string>();
    const ran = bench.plane.guard.modelCall({ context: modelCall(), run: () => running.promise });
    await bench.ports.clock.advanceAsync(10 * HOLD_MS);
    expect((await tokensOf(bench)).held).toBeGreaterThan(500);
    running.resolve("done");
    expect(await ran).toMatchObject({ status: "ran" });
    expect(outcomesOf(bench)).toStrictEqual(["ran"]);
  });

  it("is an agent's run, which lasts as long as its agent", async () => {
    const bench = createBench();
    const run = await admit(bench, { hookpoint: "before_agent", agent: "bot" });
    await bench.ports.clock.advanceAsync(100 * HOLD_MS);
    await bench.plane.guard.complete(run, { status: "ran", result: null });
    expect(outcomesOf(bench)).toStrictEqual(["ran"]);
  });

  it("cannot be renewed once it has ended", async () => {
    const bench = createBench();
    const admission = await admit(bench);
    await bench.plane.guard.release(admission);
    expect(() => bench.plane.guard.renew(admission)).toThrow(/already ended/);
  });
});
