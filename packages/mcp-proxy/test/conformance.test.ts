import { conformanceSuite } from "@agentplane/core/testing";
import { describe, expect, test } from "vitest";

import { createMcpDriver } from "./conformance-driver.ts";
import { NAME, OF_MODELS, SKIPS, SKIPS_OF_CALLS } from "./conformance-skips.ts";

describe("an MCP client and server with the relay between them", () => {
  const createDriver = (): ReturnType<typeof createMcpDriver> => createMcpDriver();
  const cases = conformanceSuite({ name: NAME, createDriver, skips: SKIPS_OF_CALLS });
  const [met, skipped] = [cases.filter((one) => !one.skipped), cases.filter((one) => one.skipped)];

  test.for(met)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  // Red? It is met now: take it out of the table.
  test.for(skipped)("does not meet $id: $skipped", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("a host that offers its model the tools that are listed", () => {
  const createDriver = (): ReturnType<typeof createMcpDriver> => createMcpDriver("listing");
  const cases = conformanceSuite({ name: NAME, createDriver });
  const hidden = cases.filter(({ id }) => id.endsWith(".hidden"));

  test("is asked about all of them", () => {
    expect(hidden).toHaveLength(5);
  });

  test.for(hidden)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("a server that borrows the client's model", () => {
  const createDriver = (): ReturnType<typeof createMcpDriver> => createMcpDriver("server");
  const cases = conformanceSuite({ name: NAME, createDriver, skips: SKIPS });
  const ofModels = cases.filter(({ id }) => Object.hasOwn(OF_MODELS, id));
  const unmet = cases.filter(({ skipped }) => skipped?.includes("sampling result") === true);

  test("is asked about all of them", () => {
    expect([ofModels.length, unmet.length]).toStrictEqual([8, 2]);
  });

  test.for(ofModels)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  // Red? It is met now: take it out of the table.
  test.for(unmet)("does not meet $id: $skipped", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
