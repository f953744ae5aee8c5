import { expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";
import { inputDigest } from "../../src/context/call-key.ts";
import { idempotency } from "../../src/rules/idempotency.ts";
import type { SessionEntry } from "../../src/rules/session-view.ts";
import { answerOf, compileRule, sessionOf, toolCall } from "./compile-rule.ts";

const call = toolCall("refund", { order: 1 });
const digest = inputDigest(call, createPorts().hash);
const rule = compileRule(idempotency, { window: "60s" });
const after = (entry: Partial<SessionEntry>) => ({
  session: sessionOf([{ name: "refund", inputDigest: digest, at: 990_000, ...entry }]),
});

test("does not run the same call twice, nor while it is still running", () => {
  expect(answerOf(rule, call, after({}))).toBe("block");
  expect(answerOf(rule, call, after({ isInFlight: true }))).toBe("block");
  expect(answerOf(rule, call, { session: sessionOf([]) })).toBe("skip");
});

test("lets another input, a failed call, a blocked call and an old one run again", () => {
  expect(answerOf(rule, toolCall("refund", { order: 2 }), after({}))).toBe("skip");
  expect(answerOf(rule, call, after({ isError: true }))).toBe("skip");
  expect(answerOf(rule, call, after({ effect: "block" }))).toBe("skip");
  expect(answerOf(rule, call, after({ at: 940_000 }))).toBe("skip");
});

test("knows by its name what an earlier version wrote of a server's tool", () => {
  const ofServer = toolCall("refund", { order: 1 }, { server: "shop", originalName: "pay_back" });
  expect(answerOf(rule, ofServer, after({}))).toBe("block");
  expect(answerOf(rule, ofServer, after({ name: "pay_back" }))).toBe("skip");
});

test("concerns only the listed tools", () => {
  const listed = compileRule(idempotency, { window: "60s", tools: ["send_*"] });
  expect(answerOf(listed, call, after({}))).toBe("skip");
});

test("cannot answer without a history", () => {
  expect(() => answerOf(rule, call)).toThrow(/needs the session's history/);
});
