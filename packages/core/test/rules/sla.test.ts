import { expect, test } from "vitest";

import { looksAt } from "../../src/rules/rule.ts";
import { sla } from "../../src/rules/sla.ts";
import { answerOf, ask, compileRule, contextAt, problemsOf, sessionOf, toolCall } from "./compile-rule.ts";

const start = { hookpoint: "before_agent", at: 940_000 };

test("acts on a run that takes too long, counted from its own start", () => {
  const rule = compileRule(sla, { maxRunMs: 60_000 });
  const asked = (at: number) =>
    answerOf(rule, toolCall("x"), { session: sessionOf([{ ...start, at }], { startedAtMs: 1 }) });
  expect(asked(940_000)).toBe("skip");
  expect(asked(939_999)).toBe("block");
});

test("counts from the session's start where no run was seen to start", () => {
  const rule = compileRule(sla, { maxRunMs: 60_000 });
  expect(answerOf(rule, toolCall("x"), { session: sessionOf([], { startedAtMs: 1 }) })).toBe("block");
});

test("acts once on a step that took too long, at the next step of that agent", () => {
  const rule = compileRule(sla, { maxStepMs: 1_000 });
  const slow = { name: "search", durationMs: 1_001 };
  const quick = { name: "search", durationMs: 1_000 };
  expect(ask(rule, toolCall("x"), { session: sessionOf([start, slow]) })?.answer?.reason).toBe(
    'the last step, "search", took longer than 1s',
  );
  expect(answerOf(rule, toolCall("x"), { session: sessionOf([start, slow, quick]) })).toBe("skip");
  expect(answerOf(rule, toolCall("x"), { session: sessionOf([start, { ...slow, agent: "other" }]) })).toBe(
    "skip",
  );
  expect(answerOf(rule, toolCall("x"), { session: sessionOf([slow, start]) })).toBe("skip");
});

test("withholds no result that is already there, and does not blame a new run for the last", () => {
  const rule = compileRule(sla, { maxRunMs: 1 });
  const session = sessionOf([start]);
  expect(looksAt(sla, "after_tool_call")).toBe(false);
  expect(answerOf(rule, contextAt("before_agent"), { session })).toBe("skip");
});

test("cannot answer without a history, and refuses to limit nothing", () => {
  expect(() => answerOf(compileRule(sla, { maxRunMs: 1 }), toolCall("x"))).toThrow(
    /needs the session's history/,
  );
  expect(problemsOf(sla, {})).toStrictEqual([": limits nothing"]);
});
