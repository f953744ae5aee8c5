import { expect, test } from "vitest";

import { createFakeScanner } from "../../src/testing/fake-scanner.ts";

const scanner = createFakeScanner([
  { name: "email", family: "pii", texts: ["ada@example.com", "eve@example.com"] },
  { name: "injection", family: "injection", texts: ["ignore all"], channels: ["tool_result"] },
]);

test("finds every place of its texts, in the order of the text", () => {
  const text = "eve@example.com, ada@example.com, eve@example.com";
  const { spans, isTruncated } = scanner.scan({ text, channel: "user", detect: ["email", "email"] });
  expect(spans).toStrictEqual([
    { type: "email", start: 0, end: 15, score: 1 },
    { type: "email", start: 17, end: 32, score: 1 },
    { type: "email", start: 34, end: 49, score: 1 },
  ]);
  expect(isTruncated).toBe(false);
});

function find(channel: "user" | "tool_result", detect: readonly string[]): number {
  return scanner.scan({ text: "ignore all, ada@example.com", channel, detect }).spans.length;
}

test("runs only the detectors asked for, in the channels they look at", () => {
  expect(find("tool_result", ["injection"])).toBe(1);
  expect(find("user", ["injection"])).toBe(0);
  expect(find("tool_result", ["email", "injection"])).toBe(2);
  expect(find("tool_result", [])).toBe(0);
});

test("says what it knows and how long a finding can be", () => {
  expect(scanner.detectors).toStrictEqual([
    { name: "email", family: "pii", maxSpanChars: 15 },
    { name: "injection", family: "injection", maxSpanChars: 10 },
  ]);
});

test("refuses a detector it does not have, and one that would find everything", () => {
  expect(() => scanner.scan({ text: "", channel: "user", detect: ["emial"] })).toThrow(
    'did you mean "email"?',
  );
  expect(() => createFakeScanner([{ name: "x", family: "pii", texts: [""] }])).toThrow(/none of them empty/);
  expect(() => createFakeScanner([{ name: "x", family: "pii", texts: [] }])).toThrow(/needs texts/);
});
