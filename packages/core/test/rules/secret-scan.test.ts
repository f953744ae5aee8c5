import { createScanner } from "@agentplane/safety";
import { expect, test } from "vitest";

import { secretScan } from "../../src/rules/secret-scan.ts";
import { answerOf, ask, compileRule, contextAt, modelCall, toolCall, wordDetector } from "./compile-rule.ts";

// Written in parts, so that no scanner of repositories takes it for a real one.
const KEY = ["AKIA", "Q3EGR7XJ", "5ZKLMN2P"].join("");
const rule = compileRule(secretScan);

test("blocks a credential on its way into a tool or out of the model", () => {
  expect(answerOf(rule, toolCall("http", { headers: { auth: KEY } }))).toBe("block");
  const said = contextAt("after_model_call", {
    model: { name: "small", messages: [] },
    result: { text: `key: ${KEY}` },
  });
  expect(answerOf(rule, said)).toBe("block");
  expect(answerOf(rule, modelCall([{ role: "user", content: "no credential here" }]))).toBe("skip");
});

test("names the kind of credential and never the credential", () => {
  const reason = ask(rule, toolCall("http", { body: KEY }))?.answer?.reason;
  expect(reason).toMatch(/a secret was found \(.+\) in tool_input/);
  expect(reason).not.toContain(KEY);
});

test("holds a streamed answer back only where it scans answers", () => {
  expect(rule.span).not.toStrictEqual({ incremental: 0 });
  expect(compileRule(secretScan, { channels: ["tool_input"] }).span).toStrictEqual({ incremental: 0 });
});

test("is a load error with a scanner that knows no secrets", () => {
  const scanner = createScanner({ detectors: [wordDetector("email", "pii", "@")] });
  expect(() => compileRule(secretScan, {}, { scanner })).toThrow(/family "secret"/);
});
