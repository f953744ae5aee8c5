import { expect, test } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const PROD = blocking("prod", [rule.denylist({ tools: ["delete"] })], {
  selector: { tags: { env: "prod" } },
});

test("a hook cannot take a call out of the policies that its tags selected", async () => {
  const { plane } = createBench({ policies: [PROD] });
  plane.hooks.on("before_tool_call", () => ({ tags: { env: "dev" } }), {
    id: "leaves",
    fallback: "continue",
  });
  let runs = 0;
  const outcome = await plane.guard.toolCall({
    context: toolCall("delete", {}, { tags: { env: "prod" } }),
    run: () => ++runs,
  });
  expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "hook" } });
  expect(runs).toBe(0);
});
