import { AsyncLocalStorage } from "node:async_hooks";

import { expect, it } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";

it("a timer keeps nothing alive of the call that set it", async () => {
  const application = new AsyncLocalStorage<string>();
  const { timers } = createPorts();
  const seen = await application.run(
    "what the application remembers for one call",
    () => new Promise((resolve) => void timers.set(() => resolve({ store: application.getStore() }), 0)),
  );
  expect(seen).toEqual({ store: undefined });
});

it("a delay that no runtime's timer can hold is long, not none", async () => {
  const { timers } = createPorts();
  const fired: string[] = [];
  const stop = timers.set(() => void fired.push("in a month"), 30 * 86_400_000);
  await new Promise<void>((resolve) => void timers.set(resolve, 20));
  stop();
  expect(fired).toStrictEqual([]);
});
