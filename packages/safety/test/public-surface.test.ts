import { expect, test } from "vitest";
import * as safety from "../src/index.ts";

test("the package exports exactly these values", () => {
  expect(Object.keys(safety).toSorted()).toEqual([
    "CONTEXT_CHARS",
    "SAFETY_ERROR_CODES",
    "SafetyError",
    "WHOLE_TEXT",
    "builtInDetectors",
    "createReplace",
    "createScanner",
    "createStreamRedactor",
    "redactText",
    "resolveSpans",
  ]);
});

test("the error codes are these", () => {
  expect(safety.SAFETY_ERROR_CODES).toEqual([
    "detector_unknown",
    "detector_duplicate",
    "option_invalid",
    "stream_closed",
    "scan_truncated",
  ]);
});

test("the example of the README gives what it says", () => {
  const { createReplace, createScanner, createStreamRedactor, redactText } = safety;
  const scanner = createScanner();
  const text = "Mail jane@mail.example, card 4111 1111 1111 1111.";
  const { spans } = scanner.scan({ text, channel: "tool_result", detect: ["email", "card"] });
  expect(redactText(text, spans, { mode: "mask" })).toBe("Mail [email], card [card].");
  const replace = createReplace({ mode: "tokenise" });
  const stream = createStreamRedactor({ scanner, detect: ["email"], channel: "model_output", replace });
  expect(stream.push("Mail jane@ma") + stream.push("il.example") + stream.flush()).toBe("Mail [email_1]");
});
