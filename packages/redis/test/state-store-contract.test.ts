import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, describe, expect, test } from "vitest";

import { dropNamespace, freshNamespace, openState } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { tellTime, type ToldTime } from "./told-time.ts";

const namespaces: string[] = [];
const times: ToldTime[] = [];
const cases = stateStoreContract({
  name: "redis",
  isDurable: true,
  async create() {
    const namespace = freshNamespace();
    namespaces.push(namespace);
    const time = tellTime(namespace);
    times.push(time);
    const open = (offMs = 0) =>
      openState({ namespace, client: time.client(), ports: { clock: time.clockOff(offMs) } });
    const [store, second] = await Promise.all([open(), open(-7 * 3_600_000)]);
    return { store, second, reopen: open, advanceMs: time.advanceMs };
  },
});

describe.skipIf(!hasRedis)("the contract of a state store", () => {
  afterAll(async () => {
    for (const time of times) time.close();
    await Promise.all(namespaces.map((namespace) => dropNamespace(namespace)));
  });

  test.for(cases.map((one) => [one.name, one.run] as const))("%s", async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
