import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

// oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
const ASK = rule.condition({ where: { tool: "search" }, then: "escalate" });
const OLGA = { by: "olga", role: "operator" } as const;

function setUp() {
  const bench = createBench({ policies: [blocking("asking", [ASK])], approvals: { resolver: "external" } });
  const { guard, approvals } = bench.plane;
  let runs = 0;
  const call = { context: toolCall("search", { q: 1 }, { callId: "c1" }), run: (): number => ++runs };
  const wait = (signal?: AbortSignal) => guard.whenAnswered(() => guard.toolCall(call), signal);
  const waiting = async (): Promise<string> => (await approvals.list({ status: "pending" }))[0]?.id ?? "";
  return { bench, approvals, wait, waiting, runs: () => runs };
}

describe("a call that waits for its answer", () => {
  it("runs once it is approved, and not before", async () => {
    const { approvals, wait, waiting, runs } = setUp();
    const done = wait();
    const id = await waiting();
    expect(runs()).toBe(0);
    await approvals.approve(id, OLGA);
    expect(await done).toMatchObject({ status: "ran", result: 1 });
  });

  it("is told a no, and that nobody answered in time", async () => {
    const refused = setUp();
    const done = refused.wait();
    await refused.approvals.deny(await refused.waiting(), OLGA);
    expect(await done).toMatchObject({ status: "blocked", decision: { cause: "approval" } });
    const late = setUp();
    const waited = late.wait();
    await late.waiting();
    await late.bench.ports.clock.advanceAsync(5 * 60_000);
    expect(await waited).toMatchObject({ status: "blocked", decision: { cause: "approval" } });
    expect(refused.runs() + late.runs()).toBe(0);
  });

  it("ends with the reason of its signal, and does not run when it is approved later", async () => {
    const { approvals, wait, waiting, runs } = setUp();
    const stop = new AbortController();
    const done = wait(stop.signal);
    const id = await waiting();
    stop.abort(new Error("given up"));
    await expect(done).rejects.toThrow("given up");
    await approvals.approve(id, OLGA);
    expect(runs()).toBe(0);
  });

  it("is made once where nobody is asked, and not at all without a function", async () => {
    const { guard } = createBench().plane;
    let attempts = 0;
    expect(await guard.whenAnswered(() => ({ attempts: ++attempts }))).toEqual({ attempts: 1 });
    // @ts-expect-error -- what a caller without types may write
    await expect(guard.whenAnswered(1)).rejects.toMatchObject({ code: "usage_invalid" });
  });
});
