import { describe, expect, it } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall, type Bench } from "../plane/bench.ts";

const DAY_MS = 86_400_000;

type Change = Parameters<typeof toolCall>[2];

function callOf({ plane }: Bench, more: Change = {}): PolicyContext {
  return plane.guard.context(toolCall("search", { q: 1 }, { callId: "c1", ...more }));
}

describe("a question that somebody outside asks", () => {
  it("is known of the very call alone, until something comes of it", async () => {
    const bench = createBench();
    const { guard } = bench.plane;
    const call = callOf(bench);
    expect(await guard.isAsked(call)).toBe(false);
    await guard.ask(call);
    expect(await guard.isAsked(call)).toBe(false);
    await guard.noteAsked(call);
    expect(await guard.isAsked(call)).toBe(true);
    const others: readonly Change[] = [{ callId: "c2" }, { agent: "b" }, { tenant: "t" }, { session: "s" }];
    expect(await Promise.all(others.map(async (other) => guard.isAsked(callOf(bench, other))))).toEqual(
      others.map(() => false),
    );
    await guard.toolCall({ context: call, run: () => "ok" });
    expect(await guard.isAsked(call)).toBe(false);
    await guard.noteAsked(call);
    expect(await guard.isAsked(call)).toBe(false);
  });

  it("is known of no call whose input nobody could tell from another one", async () => {
    const { guard } = createBench({ onOpaque: "allow" }).plane;
    const of = (input: object): PolicyContext => guard.context(toolCall("search", input, { callId: "c1" }));
    await guard.noteAsked(of({ when: new Date(0) }));
    expect(await guard.isAsked(of({ when: new Date(1) }))).toBe(false);
    expect(await guard.isAsked(of({ when: new Date(0) }))).toBe(true);
    await guard.noteAsked(of({ what: new Map([["a", 1]]) }));
    for (const value of [new Map([["a", 1]]), new Map([["a", 2]])])
      // oxlint-disable-next-line no-await-in-loop -- one question after the other
      expect(await guard.isAsked(of({ what: value }))).toBe(false);
  });

  it("is used up by a call that failed", async () => {
    const bench = createBench();
    const { guard } = bench.plane;
    const call = callOf(bench);
    await guard.noteAsked(call);
    const run = (): never => {
      throw new Error("no");
    };
    await expect((async () => guard.toolCall({ context: call, run }))()).rejects.toThrow("no");
    expect(await guard.isAsked(call)).toBe(false);
  });

  it("is forgotten after a day, however often somebody looks", async () => {
    const bench = createBench();
    const { guard } = bench.plane;
    const call = callOf(bench);
    await guard.noteAsked(call);
    await bench.ports.clock.advanceAsync(DAY_MS - 1);
    await guard.ask(call);
    expect(await guard.isAsked(call)).toBe(true);
    await bench.ports.clock.advanceAsync(1);
    expect(await guard.isAsked(call)).toBe(false);
  });

  it("lets the call count against its limits like any other", async () => {
    const bench = createBench({ policies: [blocking("limits", [rule.rate({ limit: 1, window: "1h" })])] });
    const { guard } = bench.plane;
    const call = callOf(bench);
    await guard.noteAsked(call);
    expect(await guard.toolCall({ context: call, run: () => "ok" })).toMatchObject({ status: "ran" });
    expect(await guard.admit(callOf(bench, { callId: "c2" }))).toMatchObject({ status: "blocked" });
  });

  it("is of no call without an id", async () => {
    const { guard } = createBench().plane;
    const call = toolCall("search", {});
    await guard.noteAsked(call);
    expect(await guard.isAsked(call)).toBe(false);
  });

  it("is of the call as hooks leave it, and of none that they refuse", async () => {
    const bench = createBench();
    const { guard, hooks } = bench.plane;
    const call = toolCall("search", { q: 1 }, { callId: "c1" });
    const removeRewrite = hooks.on("before_tool_call", () => ({ input: { q: 2 } }));
    await guard.noteAsked(call);
    expect(await guard.isAsked(call)).toBe(true);
    const removeBlock = hooks.on("before_tool_call", () => ({ block: "not today" }));
    expect(await guard.isAsked(call)).toBe(false);
    removeBlock();
    removeRewrite();
    expect(await guard.isAsked(call)).toBe(false);
  });
});

it("a call that was refused is no question, and one that was asked about stays one when it is refused", async () => {
  const bench = createBench();
  const { guard, engine } = bench.plane;
  const call = callOf(bench);
  const deny = blocking("deny", [rule.denylist({ tools: ["search"] })]);
  engine.addPolicy(deny);
  expect((await guard.ask(call)).effect).toBe("block");
  expect(await guard.admit(call)).toMatchObject({ status: "blocked" });
  engine.removePolicy("deny");
  expect(await guard.isAsked(call)).toBe(false);
  await guard.noteAsked(call);
  expect(await guard.isAsked(call)).toBe(true);
  engine.addPolicy(deny);
  expect((await guard.ask(call)).effect).toBe("block");
  expect(await guard.admit(call)).toMatchObject({ status: "blocked" });
  expect(await guard.isAsked(call)).toBe(true);
});

describe("a policy's question", () => {
  it("is a denial where nobody can be asked, whatever was approved, and opens no request", async () => {
    const bench = createBench({
      policies: [blocking("asking", [ask])],
      approvals: { resolver: "external" },
    });
    const { guard, approvals } = bench.plane;
    const call = callOf(bench);
    expect(await guard.ask(call, { canAsk: false })).toMatchObject({ effect: "block", cause: "approval" });
    expect(await approvals.list()).toEqual([]);
    const { approvalId = "" } = await guard.ask(call);
    await approvals.approve(approvalId, { by: "olga", role: "operator" });
    expect((await guard.ask(call)).effect).toBe("allow");
    expect((await guard.ask(call, { canAsk: false })).effect).toBe("block");
  });

  // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
  const ask = rule.condition({ where: { tool: "search" }, then: "escalate" });

  it("is one as well, also when the policy does not ask any more", async () => {
    const bench = createBench({
      policies: [blocking("asking", [ask])],
      approvals: { resolver: "external" },
    });
    const { guard, engine } = bench.plane;
    const call = callOf(bench);
    expect((await guard.ask(call)).effect).toBe("ask");
    engine.removePolicy("asking");
    expect((await guard.ask(call)).effect).toBe("allow");
    expect(await guard.isAsked(call)).toBe(true);
  });
});
