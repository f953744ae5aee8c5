import { expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import type { Hook } from "../../src/hooks/hook.ts";
import { HookBlocked } from "../../src/hooks/hook-blocked.ts";
import { blockIf, inject, retry } from "../../src/hooks/hook-patterns.ts";
import { blockOf, registryUnderTest, toolCall, toolResult } from "./registry-under-test.ts";

async function inputAfter(hook: Hook, input: unknown): Promise<unknown> {
  const { hooks } = registryUnderTest();
  hooks.on("before_tool_call", hook);
  return (await hooks.run(toolCall({ tool: { name: "t", input } }))).tool?.input;
}

test.for<readonly [unknown, JsonValue, unknown]>([
  [{ a: 1, tenantId: "forged" }, { tenantId: "acme" }, { a: 1, tenantId: "acme" }],
  [["hi"], "be brief", ["be brief", "hi"]],
  [["hi"], ["be brief", "be kind"], ["be brief", "be kind", "hi"]],
  ["hi", "be brief", "be brief\nhi"],
])("inject adds to %j: %j", async ([input, added, expected]) => {
  expect(await inputAfter(inject(added), input)).toEqual(expected);
});

test("inject puts messages in front of a prompt", async () => {
  const { hooks } = registryUnderTest();
  hooks.on("before_model_call", inject([{ role: "system", content: "be brief" }]));
  const model = { name: "small", messages: [{ role: "user", content: "hi" }] };
  const context = await hooks.run(toolCall({ hookpoint: "before_model_call", tool: undefined, model }));
  expect(context.model?.messages).toEqual([
    { role: "system", content: "be brief" },
    { role: "user", content: "hi" },
  ]);
});

test("inject takes a function of the context, also an asynchronous one", async () => {
  expect(
    await inputAfter(
      inject(async ({ tenant }) => ({ tenant: tenant ?? "none" })),
      {},
    ),
  ).toEqual({ tenant: "acme" });
});

test("inject keeps an argument called __proto__ an argument", async () => {
  const input: unknown = JSON.parse('{"__proto__": {"isAdmin": true}}');
  const given = await inputAfter(inject({ a: 1 }), input);
  expect(JSON.stringify(given)).toBe('{"__proto__":{"isAdmin":true},"a":1}');
  expect((given as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

test.for<readonly [string, unknown, JsonValue]>([
  ["an object and a text", { a: 1 }, "be brief"],
  ["a number", 7, 8],
  ["no input", undefined, { a: 1 }],
])("inject blocks where it cannot add: %s", async ([, input, added]) => {
  const { hooks } = registryUnderTest();
  hooks.on("before_tool_call", inject(added));
  const error = await blockOf(() => hooks.run(toolCall({ tool: { name: "t", input } })));
  expect(error.cause).toMatchObject({ code: "hook_invalid" });
});

test("inject blocks after the action, where there is no input", async () => {
  const { hooks } = registryUnderTest();
  hooks.on("after_tool_call", inject({ a: 1 }));
  const error = await blockOf(() => hooks.run(toolResult()));
  expect(error.cause).toMatchObject({
    code: "hook_invalid",
    message: expect.stringContaining("use before_*"),
  });
});

test("blockIf blocks the calls its predicate names, with its reason", async () => {
  const { hooks } = registryUnderTest();
  hooks.on(
    "before_tool_call",
    blockIf(({ tool }) => tool?.name === "refund", "no refunds today"),
  );
  expect((await blockOf(() => hooks.run(toolCall()))).reason).toBe("no refunds today");
  const other = toolCall({ tool: "search" });
  expect(hooks.run(other)).toBe(other);
});

test("blockIf awaits its predicate", async () => {
  const { hooks } = registryUnderTest();
  hooks.on(
    "before_tool_call",
    blockIf(async ({ tool }) => tool?.name === "refund", "no refunds today"),
  );
  expect((await blockOf(() => hooks.run(toolCall()))).reason).toBe("no refunds today");
});

test("blockIf fails on an answer that is neither true nor false", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", Reflect.apply(blockIf, undefined, [() => undefined, "why"]));
  await blockOf(() => hooks.run(toolCall()));
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

/** A hook that throws the given number of times and then tags the call. */
function flaky(failures: number): { hook: Hook; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    hook: () => {
      if (++calls <= failures) throw new Error(`failure ${calls}`);
      return { tags: { calls: String(calls) } };
    },
  };
}

test("retry runs the hook again until it answers, without a promise when there is no delay", () => {
  const { hooks } = registryUnderTest();
  const { hook } = flaky(2);
  hooks.on("before_tool_call", retry(hook, { attempts: 3, delayMs: 0 }));
  expect(hooks.run(toolCall())).toMatchObject({ tags: { calls: "3" } });
});

test("retry gives up after its attempts", async () => {
  const { hooks } = registryUnderTest();
  const { hook, calls } = flaky(5);
  hooks.on("before_tool_call", retry(hook, { attempts: 3, delayMs: 0 }));
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error.cause).toMatchObject({ message: "failure 3" });
  expect(calls()).toBe(3);
});

test("retry waits between attempts, also for a hook that rejects", async () => {
  const { hooks, ports } = registryUnderTest();
  const { hook, calls } = flaky(2);
  hooks.on(
    "before_tool_call",
    retry(async (context, tools) => hook(context, tools), { attempts: 3, delayMs: 100 }),
  );
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(99);
  expect(calls()).toBe(1);
  await ports.clock.advanceAsync(101);
  await expect(running).resolves.toMatchObject({ tags: { calls: "3" } });
  expect(ports.clock.pending).toBe(0);
});

test("retry stops with the hook's time: no attempt starts after it", async () => {
  const { hooks, ports } = registryUnderTest();
  const { hook, calls } = flaky(100);
  hooks.on("before_tool_call", retry(hook, { attempts: 50, delayMs: 300 }), { fallback: "continue" });
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(1_000);
  await running;
  expect(ports.clock.pending).toBe(0);
  await ports.clock.advanceAsync(60_000);
  expect(calls()).toBe(4);
});

test("retry does not try again when the attempt itself outlived the hook's time", async () => {
  const { hooks, ports } = registryUnderTest();
  let calls = 0;
  const slow: Hook = (_context, { timers }) => {
    calls++;
    return new Promise((_resolve, reject) => void timers.set(() => reject(new Error("late")), 2_000));
  };
  hooks.on("before_tool_call", retry(slow, { attempts: 3, delayMs: 0 }), { fallback: "continue" });
  const running = hooks.run(toolCall());
  await ports.clock.advanceAsync(10_000);
  await running;
  expect(calls).toBe(1);
});

test("retry takes a thrown refusal for an answer too", async () => {
  const { hooks } = registryUnderTest();
  let calls = 0;
  const refuse: Hook = () => {
    calls++;
    throw new HookBlocked({ hookId: "a", hookpoint: "before_tool_call", reason: "no" });
  };
  hooks.on("before_tool_call", retry(refuse, { attempts: 3, delayMs: 0 }));
  await blockOf(() => hooks.run(toolCall()));
  expect(calls).toBe(1);
});

test("retry takes a refusal for an answer", async () => {
  const { hooks } = registryUnderTest();
  let calls = 0;
  hooks.on(
    "before_tool_call",
    retry(() => (calls++, { block: "no" }), { attempts: 3, delayMs: 0 }),
  );
  await blockOf(() => hooks.run(toolCall()));
  expect(calls).toBe(1);
});

test.for([
  [{ attempts: 0, delayMs: 0 }, /attempts is 0/],
  [{ attempts: 1.5, delayMs: 0 }, /attempts is 1\.5/],
  [{ attempts: 101, delayMs: 0 }, /attempts is 101/],
  [{ attempts: 2, delayMs: -1 }, /delayMs is -1/],
  [{ attempts: 2, delayMs: Number.NaN }, /delayMs is NaN/],
] as const)("retry refuses %j", ([options, message]) => {
  expect(() => retry(() => undefined, options)).toThrow(message);
});
