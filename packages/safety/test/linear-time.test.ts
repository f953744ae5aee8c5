import { checkSync } from "recheck";
import { describe, expect, test } from "vitest";
import { builtInDetectors, createScanner } from "../src/index.ts";
import { joined, pemLine } from "./token-fixtures.ts";

const patterns = [...new Set(builtInDetectors.flatMap((detector) => detector.patterns))];

// The automaton checker decides exactly; the timings below watch the constant factors.
describe("every built-in pattern is free of super-linear backtracking", () => {
  test.each(patterns.map((pattern) => [pattern.source.slice(0, 60), pattern] as const))(
    "%s",
    (_name, pattern) => {
      expect(checkSync(pattern.source, pattern.flags, { checker: "automaton", timeout: 20_000 }).status).toBe(
        "safe",
      );
    },
  );
});

const SIZE = 100_000;
/** The goal is 50 ms; the limit leaves room for a slow machine, while quadratic time would take seconds. */
const LIMIT_MS = 200;

/** Of the processor, not of the wall: a busy machine must not make it longer. */
function spentMs(since: NodeJS.CpuUsage): number {
  return process.cpuUsage(since).user / 1_000;
}

const UNITS: Readonly<Record<string, string>> = {
  "dotted letters": "a.a.a.",
  "at signs": "a@a@",
  digits: "1",
  "card numbers": "4111 1111 1111 1111 ",
  spaces: " ",
  "nested quotes": '"\'`"',
  "base64 soup": "aGVsbG8gd29ybGQgdGhpcyBpcyB0ZXh0",
  "base64 of bytes": "Zm9v/+x9",
  "colons and hex": "a:b:c:1::",
  "token beginnings": "eyJaaaaaaaa.",
  "key headers": `${pemLine("BEGIN")}\nABCDEFGHIJKLMNOPQRSTUVWXYZabcd\n`,
  "tokens within tokens": `-----${joined("gl", "pat-")}a1B2c3D4e5F6g7H8a1B2`,
  "the word bearer": "bearer a1b2c3d4e5f6g7h8 ",
  "half phrases": "ignore all previous ",
  "whole phrases with quotes": 'ignore all previous instructions "and" ',
  entities: "&amp;",
  "look-alike letters": "\u0430",
  "zero-width characters": "a\u200b",
  "tag characters": "\u{e0041}",
  "code fences": "\n```",
  "account numbers": "GB82 ",
};

test.each(Object.entries(UNITS))("100 KB of %s are scanned in linear time", (_name, unit) => {
  const scanner = createScanner();
  const text = unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
  const detect = scanner.detectors.map(({ name }) => name);
  const times = [0, 1, 2].map(() => {
    const started = process.cpuUsage();
    scanner.scan({ text, channel: "tool_result", detect });
    return spentMs(started);
  });
  expect(times.toSorted((a, b) => a - b)[1]).toBeLessThan(LIMIT_MS);
});

test("a 10 MB blob is scanned at its ends only and does not stall", () => {
  const scanner = createScanner();
  const text = "aGVsbG8gd29ybGQgdGhpcyBpcyB0ZXh0".repeat(330_000);
  const started = process.cpuUsage();
  const { isTruncated } = scanner.scan({
    text,
    channel: "tool_result",
    detect: scanner.detectors.map(({ name }) => name),
  });
  expect(isTruncated).toBe(true);
  expect(spentMs(started)).toBeLessThan(3_000);
});
