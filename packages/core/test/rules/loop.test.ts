import { expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";
import { inputDigest } from "../../src/context/call-key.ts";
import { loop } from "../../src/rules/loop.ts";
import type { SessionEntry } from "../../src/rules/session-view.ts";
import { answerOf, ask, compileRule, modelCall, problemsOf, sessionOf, toolCall } from "./compile-rule.ts";

const { hash } = createPorts();
const turn: Partial<SessionEntry> = { hookpoint: "before_model_call", name: "small" };
const turns = (count: number, rest: Partial<SessionEntry> = {}) =>
  sessionOf(Array.from({ length: count }, () => ({ ...turn, ...rest })));

test("stops an agent after so many model calls", () => {
  const rule = compileRule(loop, { maxIterations: 3 });
  expect(answerOf(rule, modelCall(), { session: turns(2) })).toBe("skip");
  expect(answerOf(rule, modelCall(), { session: turns(3) })).toBe("block");
  expect(answerOf(rule, toolCall("search"), { session: turns(3) })).toBe("skip");
});

test("counts neither blocked calls nor those of other agents nor old ones", () => {
  const rule = compileRule(loop, { maxIterations: 3, within: "60s" });
  expect(answerOf(rule, modelCall(), { session: turns(3, { effect: "block", at: 990_000 }) })).toBe("skip");
  expect(answerOf(rule, modelCall(), { session: turns(3, { agent: "other", at: 990_000 }) })).toBe("skip");
  expect(answerOf(rule, modelCall(), { session: turns(3, { at: 940_000 }) })).toBe("skip");
  expect(answerOf(rule, modelCall(), { session: turns(3, { at: 940_001 }) })).toBe("block");
});

test("stops the same call with the same input, and lets another input through", () => {
  const rule = compileRule(loop, { maxRepeats: 2 });
  const same = { name: "search", inputDigest: inputDigest(toolCall("search", { q: "x" }), hash) };
  const session = sessionOf([same, same]);
  expect(answerOf(rule, toolCall("search", { q: "x" }), { session })).toBe("block");
  expect(answerOf(rule, toolCall("search", { q: "y" }), { session })).toBe("skip");
  expect(answerOf(rule, toolCall("other", { q: "x" }), { session })).toBe("skip");
  expect(answerOf(rule, toolCall("search", { q: "x" }), { session: sessionOf([same]) })).toBe("skip");
});

test("sees the calls of one turn that are still running", () => {
  const running = { name: "search", inputDigest: inputDigest(toolCall("search"), hash), isInFlight: true };
  expect(
    answerOf(compileRule(loop, { maxRepeats: 1 }), toolCall("search"), { session: sessionOf([running]) }),
  ).toBe("block");
});

test("degrades instead of blocking where the policy says so", () => {
  const degrade = { mode: "READ_ONLY" };
  const rule = compileRule(loop, { maxIterations: 1, onBreach: "degrade", degrade });
  expect(ask(rule, modelCall(), { session: turns(1) })?.answer).toMatchObject({ answer: "degrade", degrade });
});

test("cannot answer without a history", () => {
  expect(() => answerOf(compileRule(loop, { maxIterations: 1 }), modelCall())).toThrow(
    /needs the session's history/,
  );
});

test("refuses to limit nothing", () => {
  expect(problemsOf(loop, { within: "1m" })).toStrictEqual([": limits nothing"]);
});
