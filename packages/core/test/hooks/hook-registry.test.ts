import { expect, test } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { registryUnderTest, toolCall, toolResult } from "./registry-under-test.ts";

/** Registers hooks that only leave their name, and gives the list of names in the order they ran. */
function trail(): { ran: string[]; leave: (name: string) => () => void } {
  const ran: string[] = [];
  return { ran, leave: (name) => () => void ran.push(name) };
}

test("gives back the very context when nothing is registered, and reports no run", () => {
  const { hooks, runs } = registryUnderTest();
  const context = toolCall();
  expect(hooks.run(context)).toBe(context);
  expect(runs).toStrictEqual([]);
});

test("gives back the very context when no filter selects the call", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ block: "never" }), { filter: { tenants: ["globex"] } });
  const context = toolCall();
  expect(hooks.run(context)).toBe(context);
  expect(runs).toStrictEqual([]);
});

test("runs by order, equal orders by registration", async () => {
  const { hooks } = registryUnderTest();
  const { ran, leave } = trail();
  hooks.on("before_tool_call", leave("late"), { order: 10 });
  hooks.on("before_tool_call", leave("first of two"));
  hooks.on("before_tool_call", leave("second of two"));
  hooks.on("before_tool_call", leave("early"), { order: -1.5 });
  await hooks.run(toolCall());
  expect(ran).toStrictEqual(["early", "first of two", "second of two", "late"]);
});

test("runs only at the hookpoint it was registered at", () => {
  const { hooks } = registryUnderTest();
  const { ran, leave } = trail();
  hooks.on("after_tool_call", leave("after"));
  void hooks.run(toolCall());
  expect(ran).toStrictEqual([]);
  void hooks.run(toolResult());
  expect(ran).toStrictEqual(["after"]);
});

test.for([
  [{ tenants: ["ac*"] }, true],
  [{ tenants: ["!acme"] }, false],
  [{ agents: ["support"] }, true],
  [{ agents: ["billing-*"] }, false],
  [{ tools: ["refund"] }, true],
  [{ tools: ["issue_refund"] }, true],
  [{ tools: ["shop/*"] }, true],
  [{ tools: ["delete_*"] }, false],
  [{ tenants: ["acme"], tools: ["delete_*"] }, false],
  [{ tenants: ["acme"], agents: ["s*"], tools: ["re?und"] }, true],
] as const)("a filter %j selects the call: %s", ([filter, isSelected]) => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => undefined, { filter });
  void hooks.run(toolCall({ tool: { name: "refund", server: "shop", originalName: "issue_refund" } }));
  expect(runs).toHaveLength(isSelected ? 1 : 0);
});

test("a dimension of the filter does not match a call that lacks it", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_agent", () => undefined, { filter: { tenants: ["*"] } });
  hooks.on("before_agent", () => undefined, { filter: { tools: ["*"] } });
  void hooks.run(toolCall({ hookpoint: "before_agent", tenant: undefined, tool: undefined }));
  expect(runs).toStrictEqual([]);
});

test("each hook sees what those before it changed", async () => {
  const { hooks } = registryUnderTest();
  const seen: unknown[] = [];
  hooks.on("before_tool_call", ({ tool }) => {
    seen.push(tool?.input);
    return { input: { amount: 20 } };
  });
  hooks.on("before_tool_call", async ({ tool }) => {
    seen.push(tool?.input);
    return { input: { amount: 30 }, tags: { checked: "yes" } };
  });
  hooks.on("before_tool_call", ({ tool, tags }) => void seen.push(tool?.input, { ...tags }));
  const context = await hooks.run(toolCall());
  expect(seen).toEqual([{ amount: 10 }, { amount: 20 }, { amount: 30 }, { env: "prod", checked: "yes" }]);
  expect(context.tool?.input).toEqual({ amount: 30 });
});

test("stays synchronous until a hook returns a promise", () => {
  const { hooks } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ input: { amount: 20 } }));
  expect(hooks.run(toolCall())).not.toBeInstanceOf(Promise);
  hooks.on("before_tool_call", async () => undefined);
  expect(hooks.run(toolCall())).toBeInstanceOf(Promise);
});

test("stops at the first block: later hooks do not run", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ block: "closed today" }), { id: "opening-hours" });
  hooks.on("before_tool_call", () => undefined, { id: "later" });
  expect(() => hooks.run(toolCall())).toThrow('hook "opening-hours" blocked before_tool_call: closed today');
  expect(runs.map(({ hookId }) => hookId)).toStrictEqual(["opening-hours"]);
});

test("reports every run with its outcome and duration", async () => {
  const { hooks, runs, ports } = registryUnderTest();
  hooks.on("before_tool_call", () => ports.clock.advance(5), { id: "slow" });
  hooks.on("before_tool_call", async () => ({ tags: { a: "b" } }), { id: "tagger" });
  await hooks.run(toolCall());
  expect(runs).toStrictEqual([
    { hookId: "slow", hookpoint: "before_tool_call", outcome: "passed", durationMs: 5 },
    { hookId: "tagger", hookpoint: "before_tool_call", outcome: "changed", durationMs: 0 },
  ]);
});

test("a run that cannot be recorded stops the call", () => {
  const { hooks } = registryUnderTest({
    onRun() {
      throw new Error("recorder is down");
    },
  });
  hooks.on("before_tool_call", () => undefined, { fallback: "continue" });
  expect(() => hooks.run(toolCall())).toThrow("recorder is down");
});

test("a removed hook does not run again; a removal twice removes nothing else", () => {
  const { hooks, runs } = registryUnderTest();
  const remove = hooks.on("before_tool_call", () => undefined, { id: "a" });
  remove();
  hooks.on("before_tool_call", () => undefined, { id: "a" });
  remove();
  void hooks.run(toolCall());
  expect(runs).toHaveLength(1);
});

test("a call keeps the hooks it started with", async () => {
  const { hooks, runs } = registryUnderTest();
  const removals: (() => void)[] = [];
  hooks.on("before_tool_call", async () => removals[0]?.(), { id: "first" });
  removals[0] = hooks.on("before_tool_call", () => undefined, { id: "second" });
  await hooks.run(toolCall());
  await hooks.run(toolCall());
  expect(runs.map(({ hookId }) => hookId)).toStrictEqual(["first", "second", "first"]);
});

test("takes custom hookpoints with their after, and names the one that was meant", () => {
  const { hooks } = registryUnderTest({ hookpoints: ["before_publish"] });
  hooks.on("before_publish", () => undefined);
  hooks.on("after_publish", () => undefined);
  expect(() => hooks.on("before_tool_cal", () => undefined)).toThrow(
    'unknown hookpoint "before_tool_cal"; did you mean "before_tool_call"?',
  );
  expect(() => hooks.on("before_publsh", () => undefined)).toThrow('did you mean "before_publish"?');
});

test.for([
  [{ order: Number.NaN }, /order is NaN/],
  [{ timeoutMs: 0 }, /timeoutMs is 0/],
  [{ timeoutMs: Infinity }, /timeoutMs is Infinity/],
  [{ fallback: "ignore" }, /fallback is "ignore"; use "block" or "continue"/],
  [{ filter: { tenant: ["acme"] } }, /unknown filter "tenant"; did you mean "tenants"\?/],
  [{ filter: { tools: [] } }, /filter\.tools selects nothing/],
  [{ filter: { tools: "refund" } }, /filter\.tools selects nothing/],
  [{ timeout: 5 }, /unknown option "timeout"; did you mean "timeoutMs"\?/],
  [{ id: "" }, /id of a hook/],
] as const)("refuses the options %j", ([options, message]) => {
  const { hooks } = registryUnderTest();
  // As written in JavaScript, where no type stops it.
  const register = (): unknown =>
    Reflect.apply(hooks.on, hooks, ["before_tool_call", () => undefined, options]);
  expect(register).toThrow(
    expect.objectContaining({ code: "hook_invalid", message: expect.stringMatching(message) }),
  );
});

test("refuses what is no function, and an id used twice at one hookpoint", () => {
  const { hooks } = registryUnderTest();
  expect(() => Reflect.apply(hooks.on, hooks, ["before_tool_call", undefined])).toThrow(
    /a hook is a function/,
  );
  hooks.on("before_tool_call", () => undefined, { id: "a" });
  hooks.on("after_tool_call", () => undefined, { id: "a" });
  expect(() => hooks.on("before_tool_call", () => undefined, { id: "a" })).toThrow(
    /"a" is already registered/,
  );
});

function checkHours(): void {
  // Only its name matters.
}

test("names hooks without an id after their function, each differently", () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", checkHours);
  hooks.on("before_tool_call", checkHours);
  void hooks.run(toolCall());
  expect(runs.map(({ hookId }) => hookId)).toStrictEqual(["checkHours-1", "checkHours-2"]);
});

test("tells from a before context whether anything runs after it", () => {
  const { hooks } = registryUnderTest();
  const hasAfter = (init?: object): boolean => hooks.hasAfter(toolCall(init));
  hooks.on("before_tool_call", () => undefined);
  expect(hasAfter()).toBe(false);
  hooks.on("after_tool_call", () => undefined, { filter: { tools: ["refund"] } });
  expect(hasAfter()).toBe(true);
  expect(hasAfter({ tool: "search" })).toBe(false);
  const detach = hooks.attachLast("engine", () => undefined);
  expect(hasAfter({ tool: "search" })).toBe(true);
  detach();
  expect(hasAfter({ tool: "search" })).toBe(false);
});

test("works on the platform's own ports", async () => {
  const hooks = new HookRegistry();
  hooks.on("before_tool_call", async () => ({ tags: { seen: "yes" } }));
  const context: PolicyContext = await hooks.run(toolCall());
  expect(context.tags["seen"]).toBe("yes");
});
