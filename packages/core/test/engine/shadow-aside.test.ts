import * as z from "zod";
import { expect, test } from "vitest";

import { defineRule } from "../../src/rules/rule.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createBench, toolCall as call } from "../plane/bench.ts";

const slowBlock = defineRule({
  kind: "slowBlock",
  summary: "Blocks after a while.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    check: () => Promise.resolve({ answer: { answer: "block", reason: "slow no" } as const }),
  }),
});

test("an asynchronous shadow rule delays nothing, and its answer is recorded when it comes", async () => {
  const bench = createBench({
    rules: [slowBlock],
    policies: [{ id: "candidate", mode: "shadow", blocking: [{ rule: "slowBlock" }] }],
  });
  const decision = bench.plane.engine.decide(call("search", {}));
  // Synchronous: nothing was waited for.
  expect(decision).toMatchObject({ effect: "allow" });
  await bench.plane.flush();
  expect(bench.controls("shadow_answer")).toMatchObject([
    {
      by: "policy:candidate",
      reason: "slow no",
      data: { answer: "block", decisionId: bench.decisions()[0]?.decision.id },
    },
  ]);
});

test("the non-blocking rules of a shadow policy neither alert nor open the record", async () => {
  const bench = createBench({
    policies: [
      { id: "enforcing", blocking: [rule.denylist({ tools: ["search"] })] },
      {
        id: "candidate",
        mode: "shadow",
        blocking: [rule.denylist({ tools: ["search"] })],
        nonBlocking: [rule.audit({ includeInput: true }), rule.alert({ on: ["block"], channel: "log" })],
      },
    ],
  });
  void bench.plane.engine.decide(call("search", { q: "private" }));
  await bench.plane.flush();
  expect(bench.decisions()[0]?.input).toBeUndefined();
  expect(bench.ports.logger.entries.filter(({ message }) => message.startsWith("alert"))).toEqual([]);
  expect(bench.decisions()[0]?.decision.shadow).toMatchObject([{ answer: "block" }]);
});
