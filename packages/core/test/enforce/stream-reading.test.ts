import { expect, test } from "vitest";

import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

const budget = rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 500 });

function budgeted(): AgentPlane {
  return createAgentPlane({ policies: [{ id: "tokens", blocking: [budget] }], ports: createTestPorts() });
}

async function openStream(
  plane: AgentPlane,
  run: () => AsyncIterable<string>,
): Promise<AsyncIterable<string>> {
  const opened = await plane.guard.modelStream({
    context: plane.guard.context({
      hookpoint: "before_model_call",
      agent: "a",
      model: { name: "m", messages: [] },
    }),
    run,
    codec: { read: (text) => ({ part: "text", text }), write: (_chunk, text) => text },
  });
  if ("status" in opened) throw new Error("the stream was denied");
  return opened;
}

async function heldBy(plane: AgentPlane): Promise<number | undefined> {
  const [state] = await plane.limits.read({ policyId: "tokens", ruleId: "tokenBudget", agent: "a" });
  return state?.held;
}

test("a governed stream reaches its provider once, however often it is read", async () => {
  let calls = 0;
  const stream = await openStream(budgeted(), async function* () {
    calls++;
    yield "one";
  });
  const read: string[] = [];
  for await (const piece of stream) read.push(piece);
  expect(read).toStrictEqual(["one"]);
  expect(() => stream[Symbol.asyncIterator]()).toThrow(/read once/);
  expect(calls).toBe(1);
});

test("a stream that is closed before it was read gives its budget back and never reaches its provider", async () => {
  const plane = budgeted();
  let calls = 0;
  const stream = await openStream(plane, async function* () {
    calls++;
    yield "one";
  });
  expect(await heldBy(plane)).toBeGreaterThan(0);
  await stream[Symbol.asyncIterator]().return?.();
  expect(await heldBy(plane)).toBe(0);
  expect(calls).toBe(0);
});
