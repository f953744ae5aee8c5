import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, describe, expect, test } from "vitest";

import { dropNamespace, freshNamespace, openState, pause } from "./open-state.ts";
import { hasRedis } from "./servers.ts";

/** The clock of a process that is hours off: the server's counts. */
const hoursOff = { wallMs: () => Date.now() - 7 * 3_600_000, elapsedMs: () => performance.now() };

const namespaces: string[] = [];
const cases = stateStoreContract({
  name: "redis",
  isDurable: true,
  async create() {
    const namespace = freshNamespace();
    namespaces.push(namespace);
    const [store, second] = await Promise.all([
      openState({ namespace }),
      openState({ namespace, ports: { clock: hoursOff } }),
    ]);
    return { store, second, reopen: () => openState({ namespace }), advanceMs: pause };
  },
});

describe.skipIf(!hasRedis)("the contract of a state store", () => {
  afterAll(async () => {
    await Promise.all(namespaces.map((namespace) => dropNamespace(namespace)));
  });

  // A server's time cannot be told to a test: some cases wait for tenths of a second, which a busy machine may miss.
  test.for(cases.map((one) => [one.name, one.run] as const))("%s", { retry: 2 }, async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
