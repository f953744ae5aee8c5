import { expect, it } from "vitest";
import { z } from "zod";

import { defineRule } from "../../src/rules/rule.ts";
import { createBench, toolCall } from "./bench.ts";

const watch = defineRule({
  kind: "watch",
  summary: "Watches.",
  timing: "nonBlocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({ observe: () => undefined }),
});

it("tells how many observations were dropped because the queue was full", async () => {
  const { plane } = createBench({
    rules: [watch],
    policies: [{ id: "w", nonBlocking: [{ rule: "watch" }] }],
  });
  expect(plane.stats()).toStrictEqual({ droppedObservations: 0 });
  // The queue holds 10,000, and nothing leaves it before this turn is over.
  for (let call = 0; call < 10_003; call++) void plane.engine.decide(toolCall("search"));
  expect(plane.stats()).toStrictEqual({ droppedObservations: 3 });
  await plane.flush();
});
