import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

import { afterEach, expect, test, vi } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";

afterEach(() => vi.restoreAllMocks());

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a value is there inside, after every wait, and nowhere else", async () => {
  const scope = createPorts().createScope<string>();
  const seen = async (): Promise<readonly unknown[]> => {
    const first = scope.current();
    await later();
    return [first, scope.current()];
  };
  const running = [
    scope.run("a", seen),
    scope.run("b", async () => [...(await scope.run("c", seen)), scope.current()]),
  ];
  expect(scope.current()).toBeUndefined();
  expect(await Promise.all(running)).toStrictEqual([
    ["a", "a"],
    ["c", "c", "b"],
  ]);
  expect(scope.current()).toBeUndefined();
});

test("leaves the caller's own asynchronous values as they are, inside and after", () => {
  const scope = createPorts().createScope<string>();
  const own = new AsyncLocalStorage<string>();
  own.run("mine", () => {
    scope.run("a", () => {
      expect(own.getStore()).toBe("mine");
      own.enterWith("set by the work");
    });
    expect(own.getStore()).toBe("mine");
  });
});

test("what the work throws comes out, and the value does not", () => {
  const scope = createPorts().createScope<string>();
  const fail = (): never => {
    throw new Error("from the work");
  };
  expect(() => scope.run("a", () => scope.run("b", fail))).toThrow("from the work");
  expect(scope.current()).toBeUndefined();
});

test.for([
  ["lets nothing be entered", () => vi.spyOn(AsyncLocalStorage.prototype, "enterWith").mockReturnValue()],
  [
    "refuses to let a value be entered",
    () =>
      vi.spyOn(AsyncLocalStorage.prototype, "enterWith").mockImplementation(() => {
        throw new Error("not implemented");
      }),
  ],
  [
    "runs a resource in its caller's context",
    () =>
      vi
        .spyOn(AsyncResource.prototype, "runInAsyncScope")
        .mockImplementation((work, _self, ...given) => work(...given)),
  ],
] as const)("a runtime that %s has scopes all the same", ([, breakRuntime]) => {
  breakRuntime();
  const scope = createPorts().createScope<string>();
  vi.restoreAllMocks();
  expect(scope.run("a", () => scope.current())).toBe("a");
  expect(scope.current()).toBeUndefined();
});

test("a scope that is never entered leaves nothing entered: node 22 asks each such storage at every promise", () => {
  const entered = vi.spyOn(AsyncLocalStorage.prototype, "enterWith");
  const left = vi.spyOn(AsyncLocalStorage.prototype, "disable");
  createPorts().createScope<string>();
  expect(entered.mock.contexts.length).toBeGreaterThan(0);
  expect(left.mock.contexts).toStrictEqual(entered.mock.contexts);
});
