import { stateStoreContract } from "@agentplane/core/testing";
import { afterAll, describe, expect, test } from "vitest";

import type { LeaseOptions } from "../src/index.ts";
import { dropNamespace, freshNamespace, openState } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { tellTime, type ToldTime } from "./told-time.ts";

const LEASES: readonly (readonly [name: string, lease: LeaseOptions])[] = [
  ["leased by default", {}],
  ["leased as much as there is", { max: 1_000_000_000 }],
];

/** What a lease cannot give, and what it gives instead: see `leased-admissions.test.ts`. */
const NOT_OF_LEASES: Readonly<Record<string, string>> = {
  "the account of hundreds of calls that end in every way is exact":
    "a call that was admitted from a lease is ended in its process, and another process's lease reads as held",
  "keys that look alike are accounts of their own: tenants, cases, prefixes, and any Unicode":
    "another process's lease reads as held, whole, and its calls are ended there",
  "in one step: of many admissions of one call at once, by every process, one comes through":
    "another process's lease reads as held, whole; of the admissions just one comes through",
  "in one step: of calls at once only those are refused, called off or failed that it is about":
    "a call waits for its lease before it stands in line, so calls at once have no order among them",
};

const namespaces: string[] = [];
const times: ToldTime[] = [];

function casesOf(name: string, lease: LeaseOptions): ReturnType<typeof stateStoreContract> {
  return stateStoreContract({
    name,
    isDurable: true,
    async create() {
      const namespace = freshNamespace();
      namespaces.push(namespace);
      const time = tellTime(namespace);
      times.push(time);
      const open = (offMs = 0) =>
        openState({ namespace, lease, client: time.client(), ports: { clock: time.clockOff(offMs) } });
      const [store, second] = await Promise.all([open(), open(-7 * 3_600_000)]);
      return { store, second, reopen: open, advanceMs: time.advanceMs };
    },
  });
}

describe.skipIf(!hasRedis).each(LEASES)("the contract of a state store, %s", (prefix, lease) => {
  afterAll(async () => {
    for (const time of times.splice(0)) time.close();
    await Promise.all(namespaces.splice(0).map((namespace) => dropNamespace(namespace)));
  });

  const cases = casesOf(prefix, lease).map(
    ({ name, run }) => [name.slice(prefix.length + ": ".length), run] as const,
  );

  test("is left out only where it is said why, in cases that there are", () => {
    const names = new Set(cases.map(([name]) => name));
    expect(Object.keys(NOT_OF_LEASES).filter((name) => !names.has(name))).toEqual([]);
  });

  test.for(cases.filter(([name]) => NOT_OF_LEASES[name] === undefined))("%s", async ([, run]) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
