import { expect, test } from "vitest";

import type { Hook } from "../../src/hooks/hook.ts";
import { HookBlocked } from "../../src/hooks/hook-blocked.ts";
import { blockOf, registryUnderTest, toolCall, toolResult } from "./registry-under-test.ts";

const hang = (): Promise<void> => new Promise(() => undefined);

test("a hook that throws blocks, and says so without the error's own text", async () => {
  const { hooks, runs } = registryUnderTest();
  const cause = new RangeError("card 4111 1111 1111 1111 is no good");
  hooks.on(
    "before_tool_call",
    () => {
      throw cause;
    },
    { id: "checker" },
  );
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error).toMatchObject({
    code: "hook_blocked",
    hookId: "checker",
    reason: "it failed with RangeError",
    cause,
  });
  expect(error.message).toBe('hook "checker" blocked before_tool_call: it failed with RangeError');
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

test("a hook that rejects blocks", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", async () => Promise.reject(new TypeError("no")));
  await expect(hooks.run(toolCall())).rejects.toThrow("it failed with TypeError");
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

test("a hook whose promise is none fails like any other, and leaves no timer", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  // What JavaScript may hand in where a promise is meant.
  const lying = (() => ({
    then() {
      throw new TypeError("no");
    },
  })) as unknown as Hook;
  hooks.on("before_tool_call", lying, { fallback: "continue" });
  expect(await hooks.run(toolCall())).toMatchObject({ hookpoint: "before_tool_call" });
  hooks.on("before_tool_call", lying);
  await expect(hooks.run(toolCall())).rejects.toThrow("it failed with TypeError");
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["continued", "continued", "failed"]);
  expect(ports.clock.pending).toBe(0);
});

test("fallback continue goes on with the context as it was before the hook", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ input: { amount: 20 } }));
  hooks.on("before_tool_call", () => Promise.reject(new Error("no")), { fallback: "continue" });
  const context = await hooks.run(toolCall());
  expect(context.tool?.input).toEqual({ amount: 20 });
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["changed", "continued"]);
});

test("a hook that hangs blocks after one second by default", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  hooks.on("before_tool_call", hang, { id: "hanging" });
  let error: unknown;
  void Promise.resolve(hooks.run(toolCall())).catch((thrown: unknown) => {
    error = thrown;
  });
  await ports.clock.advanceAsync(999);
  expect(error).toBeUndefined();
  await ports.clock.advanceAsync(1);
  expect(error).toBeInstanceOf(HookBlocked);
  expect(error).toMatchObject({ hookId: "hanging", reason: "it did not answer within 1000 ms" });
  expect(runs).toMatchObject([{ outcome: "timeout", durationMs: 1_000 }]);
});

test("a hook that hangs is passed over with fallback continue, after its own time", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  hooks.on("before_tool_call", hang, { timeoutMs: 50, fallback: "continue" });
  const context = toolCall();
  const running = hooks.run(context);
  await ports.clock.advanceAsync(50);
  await expect(running).resolves.toBe(context);
  expect(runs).toMatchObject([{ outcome: "continued", durationMs: 50 }]);
});

test("what a hook answers after its time changes nothing, and its late error is no unhandled one", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  hooks.on(
    "before_tool_call",
    (_context, { timers }) =>
      new Promise((_resolve, reject) => void timers.set(() => reject(new Error("too late")), 2_000)),
    { fallback: "continue" },
  );
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(1_000);
  await running;
  await ports.clock.advanceAsync(1_000);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["continued"]);
});

test("the signal fires when the time is up, and the timer of a quick hook is taken back", async () => {
  const { hooks, ports } = registryUnderTest();
  const signals: { readonly aborted: boolean }[] = [];
  hooks.on("before_tool_call", async (_context, { signal }) => void signals.push(signal));
  await hooks.run(toolCall());
  expect(ports.clock.pending).toBe(0);
  hooks.on("before_tool_call", (_context, { signal }) => (signals.push(signal), hang()), {
    fallback: "continue",
  });
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(1_000);
  await running;
  expect(signals.map(({ aborted }) => aborted)).toStrictEqual([false, false, true]);
});

test("a hook that asks for its signal after its time finds it fired", async () => {
  const { hooks, ports } = registryUnderTest();
  let isAborted: boolean | undefined;
  const slow: Hook = async (_context, tools) => {
    await new Promise<void>((resolve) => void tools.timers.set(resolve, 2_000));
    isAborted = tools.signal.aborted;
  };
  hooks.on("before_tool_call", slow, { fallback: "continue" });
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(2_000);
  await running;
  expect(isAborted).toBe(true);
});

test("a hook may refuse by throwing HookBlocked, whatever its fallback", async () => {
  const { hooks, runs } = registryUnderTest();
  const own = new HookBlocked({ hookId: "mine", hookpoint: "before_tool_call", reason: "not today" });
  hooks.on("before_tool_call", () => Promise.reject(own), { id: "a", fallback: "continue" });
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error).toMatchObject({ hookId: "a", reason: "not today", cause: own });
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["blocked"]);
});

const circular: Record<string, unknown> = {};
circular["self"] = circular;

test.for<readonly [string, unknown, RegExp]>([
  ["a text", "block", /it returned a text/],
  ["true", true, /it returned a boolean/],
  ["null", null, /it returned null/],
  ["a list", [], /it returned a list/],
  [
    "a misspelt field",
    { inptu: {} },
    /a field that does not exist: did you mean "input"\?; return nothing, \{ input \}/,
  ],
  ["an unknown field", { "4111-1111": {} }, /a field that does not exist; return nothing, \{ input \}/],
  ["a tool", { tool: { name: "other" } }, /"tool", of which a hook can only change the input; return/],
  ["a model", { model: { name: "other" } }, /"model", of which a hook can only change the input; return/],
  ["an origin", { origin: "elsewhere" }, /"origin", which no hook can change; return/],
  [
    "another value for a tag",
    { tags: { more: "x", env: "dev" } },
    /a tag that is there already.*only add tags/,
  ],
  ["a block without a reason", { block: " " }, /its block has no reason/],
  ["a block that is no text", { block: true }, /its block has no reason/],
  ["a result before the action", { result: 1 }, /result of an action that has not happened yet/],
  ["circular content", { input: circular }, /contains itself/],
  ["tags that are a text", { tags: "prod" }, /its tags are not an object/],
  ["a tag that is a number", { tags: { level: 3 } }, /a tag must be/],
])("an answer that is none (%s) blocks whatever the fallback", async ([, answer, reason]) => {
  const { hooks, runs } = registryUnderTest();
  // As written in JavaScript, where no type stops it.
  Reflect.apply(hooks.on, hooks, ["before_tool_call", () => answer, { fallback: "continue" }]);
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error.reason).toMatch(reason);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

test("an answer that throws while it is read blocks", async () => {
  const { hooks } = registryUnderTest();
  const trap = {
    get input(): unknown {
      throw new Error("trap");
    },
  };
  hooks.on("before_tool_call", () => trap, { fallback: "continue" });
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error.reason).toBe("its answer cannot be read");
});

test.for<readonly [string, object, RegExp]>([
  ["before_agent", { input: "x" }, /an input that this call does not have/],
  ["after_tool_call", { input: {} }, /the input of an action that has already happened/],
])("at %s a hook cannot return %j", async ([hookpoint, answer, reason]) => {
  const { hooks } = registryUnderTest();
  hooks.on(hookpoint, () => answer);
  const context = hookpoint === "before_agent" ? toolCall({ hookpoint, tool: undefined }) : toolResult();
  expect((await blockOf(() => hooks.run(context))).reason).toMatch(reason);
});

test("changes a result after the action and keeps the rest of the call", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("after_tool_call", ({ result }) => ({ result: { was: result } }));
  const given = toolResult();
  const context = await hooks.run(given);
  expect(context).toEqual({ ...given, result: { was: { ok: true } } });
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["changed"]);
});

test("takes a snapshot of what a hook returned: the hook cannot change it afterwards", async () => {
  const { hooks } = registryUnderTest();
  const input = { to: ["ada"] };
  hooks.on("before_tool_call", () => ({ input }));
  const context = await hooks.run(toolCall());
  input.to.push("eve");
  expect(context.tool?.input).toEqual({ to: ["ada"] });
  expect(Object.isFrozen(context.tool?.input)).toBe(true);
});

test("members that are undefined or the same as before are no change", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ block: undefined }));
  hooks.on("before_tool_call", () => ({}));
  hooks.on("before_tool_call", ({ tool }) => ({ input: tool?.input, tags: { env: "prod" } }));
  const context = toolCall();
  expect(hooks.run(context)).toBe(context);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["passed", "passed", "passed"]);
});

test("a tag that a hook added is there already for the next, and for the result", () => {
  const { hooks } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ tags: { checked: "yes" } }), { id: "adds" });
  hooks.on("before_tool_call", () => ({ tags: { checked: "no" } }), { id: "overwrites" });
  expect(() => hooks.run(toolCall())).toThrow('hook "overwrites" blocked before_tool_call');
});
