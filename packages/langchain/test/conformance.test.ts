import { conformanceSuite } from "@agentplane/core/testing";
import { describe, expect, test } from "vitest";

import { createLangChainDriver } from "./conformance-driver.ts";

/** What govern() leaves open, each with the reason. */
const SKIPS = {} as const;

describe("createAgent under govern()", () => {
  const cases = conformanceSuite({ name: "langchain", createDriver: createLangChainDriver, skips: SKIPS });
  test.for(cases)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
