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
