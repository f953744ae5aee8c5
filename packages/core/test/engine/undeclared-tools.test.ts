import { expect, test } from "vitest";

import { memorySink } from "../../src/audit/memory-sink.ts";
import { createAgentPlane } from "../../src/plane.ts";
import type { PlaneOptions } from "../../src/plane-options.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";

/** What an operator reads when these tools are called. */
async function warnings(
  tools: readonly string[],
  options: Partial<PlaneOptions> = {},
): Promise<readonly string[]> {
  const logger = createRecordingLogger();
  const plane = createAgentPlane({ audit: memorySink(), ports: { logger }, ...options });
  for (const tool of tools) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await plane.engine.decide({ hookpoint: "before_tool_call", agent: "a", tool });
  }
  await plane.close();
  return logger.messages("warn").filter((message) => message.includes("is not declared"));
}

test("is said once for each tool, with what to write", async () => {
  const said = await warnings(["search", "pay", "search"]);
  expect(said).toHaveLength(2);
  expect(said[0]).toContain('tool "search" is not declared: its audit records are buffered');
  expect(said[0]).toContain("declare it");
});

test("is not said of a declared tool, nor where records are durable anyway or kept in memory", async () => {
  expect(await warnings(["search"], { tools: { search: { access: "read" } } })).toStrictEqual([]);
  const policies = [{ id: "p", nonBlocking: [rule.audit({ mode: "durable" })] }];
  expect(await warnings(["search"], { policies })).toStrictEqual([]);
  const logger = createRecordingLogger();
  const plane = createAgentPlane({ ports: { logger } });
  await plane.engine.decide({ hookpoint: "before_tool_call", agent: "a", tool: "search" });
  expect(logger.messages("warn")).toStrictEqual([]);
});

test("names a thousand tools at most: agents invent names", async () => {
  const invented = Array.from({ length: 1_050 }, (_, index) => `invented_${index}`);
  expect(await warnings(invented)).toHaveLength(1_000);
});
