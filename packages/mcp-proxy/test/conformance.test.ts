import { conformanceSuite } from "@agentplane/core/testing";
import { describe, expect, test } from "vitest";

import { createMcpDriver } from "./conformance-driver.ts";
import { NAME, SKIPS_WITHOUT_LISTS } from "./conformance-skips.ts";

describe("an MCP client and server with the relay between them", () => {
  const cases = conformanceSuite({ name: NAME, createDriver: createMcpDriver, skips: SKIPS_WITHOUT_LISTS });
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
  const createDriver = (): ReturnType<typeof createMcpDriver> => createMcpDriver(true);
  const cases = conformanceSuite({ name: NAME, createDriver });
  const hidden = cases.filter(({ id }) => id.endsWith(".hidden"));

  test("is asked about all of them", () => {
    expect(hidden).toHaveLength(5);
  });

  test.for(hidden)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
