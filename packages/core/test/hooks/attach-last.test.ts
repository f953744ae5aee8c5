import { expect, test } from "vitest";

import { PolicyBlocked } from "../../src/decision/policy-error.ts";
import type { Decision } from "../../src/decision/decision.ts";
import { registryUnderTest, toolCall, toolResult } from "./registry-under-test.ts";

const denial: Decision = {
  id: "dec_1",
  hookpoint: "before_tool_call",
  intent: "admit",
  verdict: "block",
  effect: "block",
  cause: "rule",
  reason: "denied",
  message: "denied",
  obligations: [],
  findings: [],
  shadow: [],
  modes: [],
  revision: 1,
  durationMs: 0,
};

test("what is attached last runs last at every hookpoint, whatever is registered later and with whatever order", () => {
  const { hooks, runs } = registryUnderTest({ hookpoints: ["before_publish"] });
  hooks.attachLast("engine", () => undefined);
  hooks.on("before_tool_call", () => undefined, { id: "eager", order: Number.MAX_VALUE });
  hooks.on("after_tool_call", () => undefined, { id: "later" });
  void hooks.run(toolCall());
  void hooks.run(toolResult());
  void hooks.run(toolCall({ hookpoint: "before_publish" }));
  expect(runs.map(({ hookId, hookpoint }) => `${hookpoint} ${hookId}`)).toStrictEqual([
    "before_tool_call eager",
    "before_tool_call engine",
    "after_tool_call later",
    "after_tool_call engine",
    "before_publish engine",
  ]);
});

test("it sees what every hook changed, and its own change is the last", async () => {
  const { hooks } = registryUnderTest();
  const seen: unknown[] = [];
  hooks.attachLast("engine", ({ tool }) => {
    seen.push(tool?.input);
    return { input: { amount: 30 } };
  });
  hooks.on("before_tool_call", async () => ({ input: { amount: 20 } }));
  const context = await hooks.run(toolCall());
  expect(seen).toEqual([{ amount: 20 }]);
  expect(context.tool?.input).toEqual({ amount: 30 });
});

test("it gets the context itself when no hook changed it", () => {
  const { hooks } = registryUnderTest();
  const seen: unknown[] = [];
  hooks.attachLast("engine", (context) => void seen.push(context));
  const context = toolCall();
  expect(hooks.run(context)).toBe(context);
  expect(seen[0]).toBe(context);
});

test("its denial really blocks, as the very error it threw", async () => {
  const { hooks, runs } = registryUnderTest();
  const error = new PolicyBlocked(denial);
  hooks.attachLast("engine", () => Promise.reject(error));
  await expect(hooks.run(toolCall())).rejects.toBe(error);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["blocked"]);
});

test("its failure blocks too and is recorded as one", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.attachLast("engine", () => {
    throw new Error("store is down");
  });
  expect(() => hooks.run(toolCall())).toThrow("store is down");
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

test("it may take its time, as an approval does", async () => {
  const { hooks, ports } = registryUnderTest();
  hooks.attachLast(
    "engine",
    (_context, { timers }) => new Promise((resolve) => void timers.set(resolve, 60_000)),
  );
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(60_000);
  await expect(running).resolves.toMatchObject({ callId: "c1" });
});

test("it cannot change who acts either", () => {
  const { hooks } = registryUnderTest();
  Reflect.apply(hooks.attachLast, hooks, ["engine", () => ({ tenant: "globex" })]);
  expect(() => hooks.run(toolCall())).toThrow('it returned "tenant", which no hook can change');
});

test("an engine attached while the hooks run is not missed", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", async () => void hooks.attachLast("engine", () => ({ block: "closed" })));
  await expect(hooks.run(toolCall())).rejects.toThrow('hook "engine" blocked before_tool_call: closed');
  expect(runs).toHaveLength(2);
});

test("a second one is an error until the first is detached", () => {
  const { hooks } = registryUnderTest();
  const detach = hooks.attachLast("engine", () => undefined);
  expect(() => hooks.attachLast("other", () => undefined)).toThrow(
    expect.objectContaining({
      code: "hook_invalid",
      message: expect.stringContaining('"engine" already runs last'),
    }),
  );
  detach();
  hooks.attachLast("other", () => undefined);
  detach();
  expect(hooks.hasAfter(toolCall())).toBe(true);
});
