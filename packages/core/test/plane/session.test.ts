/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { SessionView } from "../../src/rules/session-view.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { blocking, createBench, modelCall, toolCall } from "./bench.ts";

/** A rule that shows what it sees of the session. */
function spying(seen: (SessionView | undefined)[]): ReturnType<typeof defineRule> {
  return defineRule({
    kind: "spy",
    summary: "Looks at the session.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: false,
    compile: () => ({
      reads: ["session"],
      check: (_context, { session }) => {
        seen.push(session);
        return undefined;
      },
    }),
  });
}

it("rules see a frozen history in order, with calls in flight, refusals and errors", async () => {
  const seen: (SessionView | undefined)[] = [];
  const { plane, ports } = createBench({
    rules: [spying(seen)],
    policies: [blocking("p", [{ rule: "spy" }, rule.denylist({ tools: ["update"] })])],
  });
  await plane.guard.admit(plane.guard.context(toolCall("search")));
  await plane.engine.decide(toolCall("update"));
  ports.clock.advance(100);
  const failing = {
    context: plane.guard.context(toolCall("fetch_page")),
    run: () => Promise.reject(new Error("x")),
  };
  await expect(plane.guard.toolCall(failing)).rejects.toThrow("x");
  seen.length = 0;
  await plane.engine.decide(modelCall());
  const [view] = seen;
  expect(
    view?.entries.map(({ name, effect, isInFlight, isError, access, isExternal }) => ({
      name,
      effect,
      isInFlight,
      isError,
      access,
      isExternal,
    })),
  ).toStrictEqual([
    {
      name: "search",
      effect: "allow",
      isInFlight: true,
      isError: undefined,
      access: "read",
      isExternal: false,
    },
    {
      name: "update",
      effect: "block",
      isInFlight: false,
      isError: undefined,
      access: "write",
      isExternal: false,
    },
    {
      name: "fetch_page",
      effect: "allow",
      isInFlight: false,
      isError: true,
      access: "read",
      isExternal: true,
    },
  ]);
  expect(view?.counts).toStrictEqual({ calls: 2, blocked: 1, errors: 1, modelCalls: 0, turns: {} });
  expect(Object.isFrozen(view?.entries)).toBe(true);
});

it("parallel calls of one turn see each other", async () => {
  const { plane } = createBench({ policies: [blocking("p", [rule.idempotency({ window: "10m" })])] });
  const call = (callId: string): ReturnType<typeof plane.guard.context> =>
    plane.guard.context(toolCall("update", { amount: 5 }, { callId }));
  const admitted = await plane.guard.admitBatch([call("c1"), call("c2")]);
  expect(admitted.map(({ status }) => status)).toStrictEqual(["admitted", "blocked"]);
});

it("a failed call may be made again, one that ran may not", async () => {
  const { plane } = createBench({ policies: [blocking("p", [rule.idempotency({ window: "10m" })])] });
  const context = plane.guard.context(toolCall("update", { amount: 5 }));
  await expect(plane.guard.toolCall({ context, run: () => Promise.reject(new Error("x")) })).rejects.toThrow(
    "x",
  );
  expect(await plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({ status: "ran" });
  expect(await plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({ status: "blocked" });
});

it("histories of two tenants, and of two sessions, are kept apart", async () => {
  const { plane } = createBench({ policies: [blocking("p", [rule.loop({ maxRepeats: 1 })])] });
  await plane.engine.decide(toolCall("search"));
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block" });
  expect(await plane.engine.decide(toolCall("search", {}, { session: "s2" }))).toMatchObject({
    effect: "allow",
  });
  expect(await plane.engine.decide(toolCall("search", {}, { tenant: "beta" }))).toMatchObject({
    effect: "allow",
  });
});

it("a call that asks and then runs is one step of the history", async () => {
  const seen: (SessionView | undefined)[] = [];
  const { plane } = createBench({
    approvals: { resolver: "external" },
    rules: [spying(seen)],
    policies: [
      blocking("p", [{ rule: "spy" }, rule.condition({ where: { tool: "update" }, then: "escalate" })]),
    ],
  });
  const call = toolCall("update", {}, { callId: "c1" });
  const pending = await plane.engine.decide(call);
  await plane.approvals.approve(pending.approvalId ?? "", { by: "olga", role: "operator" });
  await plane.engine.decide(call);
  seen.length = 0;
  await plane.engine.decide(toolCall("search"));
  expect(seen[0]?.entries.map(({ name, effect }) => [name, effect])).toStrictEqual([["update", "allow"]]);
});

it("a shadow rule about the past is quiet in a preview, where there is no past", async () => {
  const { plane, ports } = createBench({
    policies: [blocking("p", [rule.loop({ maxRepeats: 1 })], { mode: "shadow" })],
  });
  const decision = await plane.engine.decide(toolCall("search"), { intent: "peek" });
  expect(decision.shadow).toStrictEqual([]);
  expect(ports.logger.messages("error")).toStrictEqual([]);
});

it("a replay that is refused leaves the history as it was: the call that runs stays in it", async () => {
  const seen: (SessionView | undefined)[] = [];
  const { plane } = createBench({ rules: [spying(seen)], policies: [blocking("p", [{ rule: "spy" }])] });
  const call = toolCall("update", {}, { callId: "u1" });
  const first = await plane.guard.admit(call);
  if (first.status !== "admitted") throw new Error(first.message);
  expect(await plane.guard.admit(call)).toMatchObject({ decision: { cause: "in_flight" } });
  await plane.engine.decide(toolCall("search"));
  expect(seen.at(-1)?.entries).toMatchObject([{ name: "update", effect: "allow", isInFlight: true }]);
  expect(seen.at(-1)?.counts).toMatchObject({ calls: 1, blocked: 0 });
});

describe("a call that was admitted and given back unrun", () => {
  const ONCE = blocking("once", [rule.idempotency({ window: "1h" })]);

  it("is no past: the same call may run", async () => {
    const bench = createBench({ policies: [ONCE] });
    const { guard } = bench.plane;
    const first = await guard.admit(toolCall("update", { id: 1 }));
    if (first.status !== "admitted") throw new Error(first.message);
    await guard.release(first);
    const call = { context: toolCall("update", { id: 1 }), run: () => "done" };
    expect(await guard.toolCall(call)).toMatchObject({ status: "ran" });
    expect(await guard.toolCall(call)).toMatchObject({ status: "blocked" });
  });

  it("counts as no call, also after others, and an agent that goes in circles is not stopped by it", async () => {
    const seen: (SessionView | undefined)[] = [];
    const policies = [blocking("p", [{ rule: "spy" }, rule.loop({ maxRepeats: 1 })])];
    const { plane } = createBench({ rules: [spying(seen)], policies });
    const first = await plane.guard.admit(toolCall("update"));
    if (first.status !== "admitted") throw new Error(first.message);
    const names = Array.from({ length: 40 }, (_, n) => `tool_${n}`);
    for (const name of names) {
      // oxlint-disable-next-line no-await-in-loop -- in order
      await plane.guard.toolCall({ context: toolCall(name), run: () => 1 });
    }
    await plane.guard.release(first);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    expect(seen.at(-1)?.counts).toStrictEqual({ calls: 40, blocked: 0, errors: 0, modelCalls: 0, turns: {} });
    expect(seen.at(-1)?.entries.map(({ name }) => name)).toStrictEqual(names);
  });

  it("is a refused one where a kill came before it began", async () => {
    const seen: (SessionView | undefined)[] = [];
    const { plane } = createBench({ rules: [spying(seen)], policies: [blocking("p", [{ rule: "spy" }])] });
    const first = await plane.guard.admit(toolCall("update"));
    if (first.status !== "admitted") throw new Error(first.message);
    const unplugged = { kind: "tool", id: "update" } as const;
    await plane.controls.unplug(unplugged, { by: "mira", reason: "strange" });
    await plane.guard.release(first);
    await plane.engine.decide(toolCall("search"));
    expect(seen.at(-1)?.entries).toMatchObject([{ name: "update", effect: "block", isInFlight: false }]);
    expect(seen.at(-1)?.counts).toMatchObject({ calls: 0, blocked: 1 });
  });
});
