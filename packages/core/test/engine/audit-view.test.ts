import { describe, expect, test } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createBench, toolCall as call } from "../plane/bench.ts";

const recorded: Policy = {
  id: "a.recorded",
  blocking: [rule.redact({ fields: ["iban"] })],
  nonBlocking: [rule.audit({ includeInput: true, includeResult: true })],
};
const iban = "DE89370400440532013000";

describe("a recorded input is redacted by every matching policy", () => {
  test("also when another policy blocked before its redaction was asked", () => {
    const bench = createBench({
      policies: [recorded, { id: "b.first", priority: 10, blocking: [rule.denylist({ tools: ["update"] })] }],
    });
    expect(bench.plane.engine.decide(call("update", { iban }))).toMatchObject({ effect: "block" });
    expect(bench.decisions()[0]?.input).toEqual({ iban: "[REDACTED]" });
  });

  test("also when a mode blocked", () => {
    const bench = createBench({ policies: [recorded] });
    void bench.plane.controls.degrade({ kind: "global" }, "READ_ONLY", { by: "ops" });
    expect(bench.plane.engine.decide(call("update", { iban }))).toMatchObject({
      effect: "block",
      cause: "mode",
    });
    expect(bench.decisions()[0]?.input).toEqual({ iban: "[REDACTED]" });
  });

  test("also when a replay was refused", () => {
    const bench = createBench({ policies: [recorded] });
    const context = () => bench.plane.guard.context({ ...call("update", { iban }), callId: "c1" });
    for (let run = 0; run < 2; run++)
      void bench.plane.guard.toolCall({ context: context(), run: () => "done" });
    expect(bench.decisions().map(({ decision }) => decision.cause)).toEqual(["default", "already_executed"]);
    expect(bench.decisions().map(({ input }) => input)).toEqual([
      { iban: "[REDACTED]" },
      { iban: "[REDACTED]" },
    ]);
  });

  test("and a withheld result too", () => {
    const bench = createBench({
      policies: [
        recorded,
        {
          id: "b.after",
          priority: 10,
          blocking: [rule.condition({ where: { hookpoint: "after_tool_call" } })],
        },
      ],
    });
    void bench.plane.guard.toolCall({
      context: bench.plane.guard.context(call("update", {})),
      run: () => ({ iban }),
    });
    expect(JSON.stringify(bench.records)).not.toContain(iban);
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });
});
