import { createScanner } from "@agentplane/safety";
import { expect, test } from "vitest";

import { toxicityScan } from "../../src/rules/toxicity-scan.ts";
import { answerOf, ask, compileRule, contextAt, modelCall, toolCall, wordDetector } from "./compile-rule.ts";

const scanner = createScanner({ detectors: [wordDetector("swear", "toxicity", "darn")] });

test("asks about toxic language of users and models, and does not look at tools", () => {
  const rule = compileRule(toxicityScan, {}, { scanner });
  expect(ask(rule, modelCall([{ role: "user", content: "darn you" }]))?.answer).toStrictEqual({
    answer: "escalate",
    reason: "toxic language was found (swear) in user",
  });
  const said = contextAt("after_model_call", { model: { name: "small", messages: [] }, result: "darn" });
  expect(answerOf(rule, said)).toBe("escalate");
  expect(answerOf(rule, toolCall("write", { text: "darn" }))).toBe("skip");
});

test("blocks where the policy says so", () => {
  const rule = compileRule(toxicityScan, { onFinding: "block", channels: ["tool_input"] }, { scanner });
  expect(answerOf(rule, toolCall("write", { text: "darn" }))).toBe("block");
});

test("is a load error with a scanner that knows no toxicity", () => {
  const pii = createScanner({ detectors: [wordDetector("email", "pii", "@")] });
  expect(() => compileRule(toxicityScan, {}, { scanner: pii })).toThrow(/family "toxicity"/);
});
