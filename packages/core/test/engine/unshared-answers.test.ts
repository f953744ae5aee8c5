import { expect, test } from "vitest";

import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import type { PlaneOptions } from "../../src/plane-options.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";

const CALL = {
  hookpoint: "before_tool_call",
  agent: "a",
  callId: "c1",
  tool: { name: "pay", input: {} },
} as const;
// oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
const asking = rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "pay needs a person" });

/** What an operator reads. */
async function warnings(
  options: Partial<PlaneOptions>,
  work: (guard: AgentPlane["guard"]) => Promise<unknown>,
): Promise<readonly string[]> {
  const logger = createRecordingLogger();
  const plane = createAgentPlane({
    policies: [{ id: "p", blocking: [asking] }],
    approvals: { resolver: "external" },
    ports: { logger },
    ...options,
  });
  await work(plane.guard);
  await work(plane.guard);
  await plane.close();
  return logger.messages("warn");
}

const ask = async (guard: AgentPlane["guard"]): Promise<unknown> => guard.ask(CALL);
const answer = async (guard: AgentPlane["guard"]): Promise<unknown> => guard.isAsked(CALL);

test("a shared state without a shared key is told of with the first question, once", async () => {
  const said = await warnings({ state: memoryState() }, ask);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("give all of them one secret, as in approvals: { resolver, key }");
});

test("an answer to a question that a plane without a shared state does not know is told of once", async () => {
  const said = await warnings({}, answer);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("give all of them one state and one approvals.key");
});

test("nothing is said where all is shared, or where nothing is", async () => {
  const key = { resolver: "external", key: "k" } as const;
  expect(await warnings({ state: memoryState(), approvals: key }, ask)).toEqual([]);
  expect(await warnings({ state: memoryState(), approvals: key }, answer)).toEqual([]);
  expect(await warnings({}, ask)).toEqual([]);
  expect(await warnings({}, async (guard) => [await ask(guard), await answer(guard)])).toEqual([]);
});

test("a question that is looked for without an answer is nothing to warn of", async () => {
  expect(await warnings({}, async (guard) => guard.isAsked(CALL, { isAnswer: false }))).toEqual([]);
});
