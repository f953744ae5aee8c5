import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createScanner, redactText, type RedactMode } from "../src/index.ts";
import { redactableText } from "./redactable-text.ts";

const scanner = createScanner();
const detect = scanner.detectors.map(({ name }) => name).filter((name) => name !== "injection");

function redact(text: string, mode: RedactMode): string {
  return redactText(text, scanner.scan({ text, channel: "tool_result", detect }).spans, mode);
}

const TEXT = "from a@mail.example to b@mail.example, again a@mail.example; host 203.0.113.77";

test("each mode replaces in its own way", () => {
  expect(redact(TEXT, { mode: "mask" })).toBe("from [email] to [email], again [email]; host [ip]");
  expect(redact(TEXT, { mode: "drop" })).toBe("from  to , again ; host ");
  expect(redact(TEXT, { mode: "tokenise" })).toBe(
    "from [email_1] to [email_2], again [email_1]; host [ip_1]",
  );
  expect(redact(TEXT, { mode: "hash", hash: (value, type) => `${type}${value.length}` })).toBe(
    "from [email:email14] to [email:email14], again [email:email14]; host [ip:ip12]",
  );
});

test("an unknown mode is refused, not ignored", () => {
  // What untyped callers can pass.
  const mode = JSON.parse('{"mode":"blur"}') as RedactMode;
  expect(() => redactText("x", [], mode)).toThrow(expect.objectContaining({ code: "option_invalid" }));
});

test("overlapping findings are covered by one replacement", () => {
  const spans = [
    { type: "phone", start: 0, end: 6, score: 0.6 },
    { type: "card", start: 4, end: 9, score: 0.9 },
  ];
  expect(redactText("0123456789", spans, { mode: "mask" })).toBe("[card]9");
});

/** Longer than any local part: only its end is taken for an address, so what is left touches the mask. */
const OVERLONG_LOCAL_PART = /[A-Za-z0-9]{64}@/;

test.each<RedactMode>([
  { mode: "mask" },
  { mode: "tokenise" },
  { mode: "hash", hash: (value) => `h${value.length}` },
])("redacting twice changes nothing more: $mode", (mode) => {
  fc.assert(
    fc.property(redactableText, (text) => {
      fc.pre(!OVERLONG_LOCAL_PART.test(text));
      const once = redact(text, mode);
      expect(redact(once, mode)).toBe(once);
    }),
    { numRuns: 1_000 },
  );
});
