import { createScanner } from "@agentplane/safety";
import { expect, test } from "vitest";

import { piiBlock } from "../../src/rules/pii-block.ts";
import { answerOf, ask, compileRule, contextAt, modelCall, toolCall, wordDetector } from "./compile-rule.ts";

test("blocks personal data wherever it occurs", () => {
  const rule = compileRule(piiBlock, { detect: ["email"] });
  expect(answerOf(rule, toolCall("post", { to: [{ address: "ada@example.com" }] }))).toBe("block");
  expect(answerOf(rule, modelCall([{ role: "user", content: "I am ada@example.com" }]))).toBe("block");
  expect(
    answerOf(rule, contextAt("after_tool_call", { tool: { name: "q" }, result: { card: "none" } })),
  ).toBe("skip");
});

test("finds a card that is written as a number, as redact does", () => {
  const rule = compileRule(piiBlock, { detect: ["card"] });
  expect(answerOf(rule, toolCall("pay", { cards: [{ no: 4_111_111_111_111_111 }] }))).toBe("block");
  expect(answerOf(rule, toolCall("pay", { cents: 41_111_111 }))).toBe("skip");
});

test("looks only for what is listed, and everything of the family otherwise", () => {
  const card = toolCall("post", { card: "4111 1111 1111 1111" });
  expect(answerOf(compileRule(piiBlock, { detect: ["email"] }), card)).toBe("skip");
  expect(ask(compileRule(piiBlock), card)?.answer?.reason).toMatch(/personal data was found \(card\)/);
});

test("is a load error with a scanner that knows no personal data", () => {
  const scanner = createScanner({ detectors: [wordDetector("swear", "toxicity", "darn")] });
  expect(() => compileRule(piiBlock, {}, { scanner })).toThrow(/family "pii"/);
});
