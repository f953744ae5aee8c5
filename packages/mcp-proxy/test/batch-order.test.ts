import { defineRule, rule, type Policy } from "@agentplane/core";
import { afterEach, expect, test } from "vitest";
import * as z from "zod";

import { callOf, wiredRelay, type WiredRelay } from "./wired-relay.ts";

/** Lets the call of `slow` go on, once a rule thinks about it. */
let letGo: (() => void) | undefined;
/** A rule that takes its time about one tool, until the test lets it go on. */
const thoughtful = defineRule({
  kind: "thoughtful",
  summary: "Waits for the test.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    check: ({ tool }) =>
      tool?.name === "slow" ? new Promise((resolve) => (letGo = () => resolve(undefined))) : undefined,
  }),
});
const THOUGHTFUL = { rule: "thoughtful" };

let wired: WiredRelay;
afterEach(async () => {
  letGo = undefined;
  await wired.plane.close();
});

function relayUnder(policy: Omit<Policy, "id">): WiredRelay {
  wired = wiredRelay({ rules: [thoughtful], policies: [{ id: "careful", ...policy }] });
  return wired;
}

const namesAsked = (): readonly unknown[] =>
  wired.toServer.map((text) => (JSON.parse(text) as { params: { name?: unknown } }).params.name);
async function isThinking(): Promise<void> {
  await expect.poll(() => letGo).toBeDefined();
}

test("an earlier call of a batch is admitted before a later one, however long rules think", async () => {
  relayUnder({
    selector: { tools: ["slow", "fast"] },
    blocking: [THOUGHTFUL, rule.rate({ limit: 1, window: "1m" })],
  });
  wired.client(JSON.stringify([callOf(1, "slow"), callOf(2, "fast")]));
  await isThinking();
  expect(namesAsked()).toStrictEqual([]);
  letGo?.();

  // The later one is refused by the limit that the earlier one has used up.
  const refused = await wired.answer(2);
  expect(JSON.stringify(refused)).toContain("isError");
  expect(namesAsked()).toStrictEqual(["slow"]);
});

test("what was admitted runs beside the others of its batch", async () => {
  relayUnder({ blocking: [THOUGHTFUL] });
  wired.client(JSON.stringify([callOf(1, "one"), callOf(2, "two")]));
  await wired.asked(2);
  expect(namesAsked()).toStrictEqual(["one", "two"]);
});

test("a call that waits for a person holds up nothing", async () => {
  relayUnder({
    blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })],
    escalation: [
      { trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m", by: "operator" } } },
    ],
  });
  wired.client(JSON.stringify([callOf(1, "pay"), callOf(2, "read")]));
  await expect.poll(namesAsked).toStrictEqual(["read"]);
});

test("a cancel reaches a call of the batch that has not begun", async () => {
  relayUnder({ blocking: [THOUGHTFUL] });
  wired.client(JSON.stringify([callOf(1, "slow"), callOf(2, "fast")]));
  await isThinking();
  wired.client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } });
  letGo?.();
  await wired.asked(1);
  wired.client(callOf(3, "last"));
  await expect.poll(namesAsked).toStrictEqual(["slow", "last"]);
});

test("in a session that has begun, none waits for the answer to another", async () => {
  relayUnder({ blocking: [rule.rate({ limit: 10, window: "1m" })] });
  wired.client(callOf(1, "first"));
  await wired.asked(1);
  wired.server({ jsonrpc: "2.0", id: 1, result: { content: [] } });
  await wired.answer(1);
  wired.client(JSON.stringify([callOf(2, "a"), callOf(3, "b"), callOf(4, "c")]));
  await expect.poll(namesAsked).toStrictEqual(["first", "a", "b", "c"]);
});
