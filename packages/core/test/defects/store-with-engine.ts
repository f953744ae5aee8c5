/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { expect } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import type { TestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const OLGA = { by: "olga", role: "operator" } as const;

/**
 * Puts a store behind a plane: call states, an approval, a limit, a plug and the history all have to come from it.
 * @returns How many decisions were recorded.
 */
export async function decidedOn(state: StateStore, sharedPorts: TestPorts): Promise<number> {
  const escalating = rule.condition({ where: { tool: "send_mail" }, then: "escalate" });
  const bench = createBench({
    state,
    sharedPorts,
    approvals: { resolver: "external" },
    policies: [
      blocking("p", [escalating, rule.rate({ limit: 2, window: "1h" }), rule.loop({ maxRepeats: 5 })]),
    ],
  });
  const { plane } = bench;
  await plane.ready();
  const context = plane.guard.context(toolCall("search", {}, { callId: "c1" }));
  expect(await plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({ status: "ran" });
  expect(await plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({
    decision: { cause: "already_executed" },
  });
  const mail = toolCall("send_mail", {}, { callId: "c2" });
  const pending = await plane.engine.decide(mail);
  expect(pending.effect).toBe("ask");
  await plane.approvals.approve(pending.approvalId ?? "", OLGA);
  expect(await plane.engine.decide(mail)).toMatchObject({ effect: "allow" });
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block", cause: "limit" });
  await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "x" });
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ cause: "unplugged" });
  await plane.close();
  await state.close();
  return bench.decisions().length;
}
