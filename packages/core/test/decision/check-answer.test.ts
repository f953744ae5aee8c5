import { expect, test } from "vitest";

import { isRuleAnswer } from "../../src/decision/check-answer.ts";

const redact = { kind: "redact", from: ["result"], fields: ["ssn"], detect: [], treatment: "mask" };

test.for([
  [{ answer: { answer: "block", reason: "no" } }],
  [{ answer: { answer: "allow", reason: "yes", message: "go", retryAfterMs: 5 } }],
  [{ answer: { answer: "degrade", reason: "slow", degrade: { mode: "READ_ONLY" } } }],
  [{ obligations: [redact] }],
  [
    {
      obligations: [
        { kind: "rewrite", path: "$.a[0]", value: null },
        { kind: "clampOutput", maxOutputTokens: 0 },
      ],
    },
  ],
] as const)("takes %j as an answer", ([given]) => {
  expect(isRuleAnswer(given)).toBe(true);
});

test.for([
  ["a misspelt member", { answers: { answer: "block", reason: "no" } }],
  ["one more member", { answer: { answer: "block", reason: "no" }, then: "allow" }],
  ["nothing in it", {}],
  ["null", null],
  ["a list", [{ answer: { answer: "block", reason: "no" } }]],
  ["a word", "block"],
  ["an unknown answer", { answer: { answer: "deny", reason: "no" } }],
  ["no reason", { answer: { answer: "block" } }],
  ["a degrade without a mode", { answer: { answer: "degrade", reason: "slow" } }],
  ["a negative time", { answer: { answer: "block", reason: "no", retryAfterMs: -1 } }],
  ["an unknown obligation", { obligations: [{ kind: "encrypt" }] }],
  ["an unknown surface", { obligations: [{ ...redact, from: ["everywhere"] }] }],
  ["an unknown treatment", { obligations: [{ ...redact, treatment: "blur" }] }],
  ["a forbidden path", { obligations: [{ kind: "rewrite", path: "$.__proto__.a", value: 1 }] }],
  ["a rewrite to nothing", { obligations: [{ kind: "rewrite", path: "$.a" }] }],
  ["obligations that are no list", { obligations: redact }],
] as const)("refuses %s", ([, given]) => {
  expect(isRuleAnswer(given)).toBe(false);
});
