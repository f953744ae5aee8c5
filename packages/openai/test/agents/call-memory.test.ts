import { RunContext } from "@openai/agents";
import { expect, test } from "vitest";

import { CallMemory } from "../../src/agents/call-memory.ts";

test("a refusal is told to the run that it was made for, once, whatever other runs number their calls", () => {
  const memory = new CallMemory();
  const [context, other] = [new RunContext(), new RunContext()];
  memory.note("call_0", { refusal: "no", context });
  expect(memory.takeRefusal({ callId: "call_0", context: other })).toBeUndefined();
  expect(memory.takeRefusal({ callId: "call_0", context })).toBe("no");
  expect(memory.takeRefusal({ callId: "call_0", context })).toBeUndefined();
});
