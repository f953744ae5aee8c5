import { expect, test } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import type { AsyncScope } from "../../src/base/ports.ts";
import { registryUnderTest, blockOf, toolCall, toolResult } from "./registry-under-test.ts";

/** A runtime that cannot follow promises. */
const createScope = <T>(): AsyncScope<T> => ({ current: () => undefined, run: (_value, work) => work() });

const INSIDE = "it triggers this hookpoint from inside itself";

async function runOn(hooks: { run(context: PolicyContext): unknown }, context: PolicyContext): Promise<void> {
  await hooks.run(context);
}

test.for([
  ["at once", 0],
  ["after an await", 1],
] as const)("refuses a hook that triggers its own hookpoint from inside itself, %s", async ([, awaits]) => {
  const { hooks, runs } = registryUnderTest();
  let count = 0;
  hooks.on(
    "before_tool_call",
    async (context) => {
      count++;
      if (awaits > 0) await Promise.resolve();
      await runOn(hooks, context);
    },
    { id: "loop", fallback: "continue" },
  );
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error).toMatchObject({ hookId: "loop", hookpoint: "before_tool_call", reason: INSIDE });
  expect(count).toBe(1);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["blocked"]);
});

test("refuses a circle over two hookpoints", async () => {
  const { hooks } = registryUnderTest();
  hooks.on("before_tool_call", () => runOn(hooks, toolResult()), { id: "a" });
  hooks.on("after_tool_call", () => runOn(hooks, toolCall()), { id: "b" });
  expect(await blockOf(() => hooks.run(toolCall()))).toMatchObject({ hookId: "a", reason: INSIDE });
});

test("a hook may trigger another hookpoint, and another registry's same one", async () => {
  const { hooks, runs } = registryUnderTest();
  const other = registryUnderTest();
  hooks.on("after_tool_call", () => undefined, { id: "after" });
  other.hooks.on("before_tool_call", () => undefined, { id: "elsewhere" });
  hooks.on("before_tool_call", async () => {
    await runOn(hooks, toolResult());
    await runOn(other.hooks, toolCall());
  });
  await hooks.run(toolCall());
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["passed", "passed"]);
  expect(other.runs).toHaveLength(1);
});

test("calls that run at the same time are no recursion", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  hooks.on(
    "before_tool_call",
    (_context, { timers }) => new Promise((resolve) => void timers.set(resolve, 10)),
  );
  const calls = Promise.all(Array.from({ length: 20 }, async () => hooks.run(toolCall())));
  await ports.clock.advanceAsync(10);
  await calls;
  expect(runs.filter(({ outcome }) => outcome === "passed")).toHaveLength(20);
});

test("work that a hook left behind is not inside of it: it may reach the hookpoint", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  let background: Promise<void> | undefined;
  hooks.on(
    "before_tool_call",
    (_context, { timers }) => {
      const later = new Promise<void>((resolve) => void timers.set(resolve, 10));
      background ??= later.then(() => runOn(hooks, toolCall()));
    },
    { id: "starts" },
  );
  await hooks.run(toolCall());
  await ports.clock.advanceAsync(10);
  await background;
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["passed", "passed"]);
});

test("a hook that hung on after its time is still inside itself", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  let late: unknown;
  hooks.on(
    "before_tool_call",
    async (context, { timers }) => {
      await new Promise<void>((resolve) => void timers.set(resolve, 5_000));
      await runOn(hooks, context).catch((error: unknown) => {
        late = error;
      });
    },
    { fallback: "continue" },
  );
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(5_000);
  await running;
  expect(late).toMatchObject({ reason: INSIDE });
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["continued"]);
});

test("without asynchronous scopes a recursion is told while the hook is synchronous", async () => {
  const { hooks } = registryUnderTest({ ports: { createScope } });
  hooks.on("before_tool_call", (context) => runOn(hooks, context), { id: "loop" });
  expect(await blockOf(() => hooks.run(toolCall()))).toMatchObject({ hookId: "loop", reason: INSIDE });
});

test("without asynchronous scopes an endless recursion of promises ends", async () => {
  const { hooks } = registryUnderTest({ ports: { createScope } });
  let count = 0;
  hooks.on("before_tool_call", async (context) => {
    count++;
    await Promise.resolve();
    await runOn(hooks, context);
  });
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error.reason).toContain("1000 runs at this hookpoint are unfinished");
  expect(count).toBe(1_000);
});

test("without asynchronous scopes hooks that hang do not use up the hookpoint", async () => {
  const { hooks, ports } = registryUnderTest({ ports: { createScope } });
  hooks.on("before_tool_call", () => new Promise(() => undefined), { fallback: "continue" });
  for (let round = 0; round < 3; round++) {
    const calls = Promise.all(Array.from({ length: 600 }, async () => hooks.run(toolCall())));
    // oxlint-disable-next-line no-await-in-loop -- one round after the other is the point
    await ports.clock.advanceAsync(1_000);
    // oxlint-disable-next-line no-await-in-loop -- one round after the other is the point
    await expect(calls).resolves.toHaveLength(600);
  }
});
