import { expect, it, vi } from "vitest";

import { enforce } from "../../src/enforce/wrap.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createBench } from "../plane/bench.ts";

const policies = [{ id: "p", blocking: [rule.denylist({ tools: ["refund"] })] }];

it("an asynchronous function rejects when it is denied, and never throws at its caller", async () => {
  const { plane } = createBench({ policies });
  const refund = vi.fn<() => Promise<string>>();
  const governed = enforce(plane.guard, async () => refund(), { agent: "bot", tool: "refund" });
  const outcome = governed();
  await expect(outcome).rejects.toMatchObject({ code: "policy_blocked" });
  expect(refund).not.toHaveBeenCalled();
});

it("a synchronous function throws when it is denied", () => {
  const { plane } = createBench({ policies });
  expect(() => enforce(plane.guard, () => 1, { agent: "bot", tool: "refund" })()).toThrow(/must not be used/);
});
