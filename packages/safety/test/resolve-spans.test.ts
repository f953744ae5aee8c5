import * as fc from "fast-check";
import { expect, test } from "vitest";
import { resolveSpans, type Span } from "../src/index.ts";

function span(type: string, start: number, end: number): Span {
  return { type, start, end, score: 0.9 };
}

function isCovered(spans: readonly Span[], at: number): boolean {
  return spans.some(({ start, end }) => start <= at && at < end);
}

const anySpan = fc
  .record({
    type: fc.constantFrom("email", "card", "phone", "iban", "jwt"),
    start: fc.nat({ max: 60 }),
    length: fc.nat({ max: 12 }),
    score: fc.constantFrom(0.5, 0.9),
  })
  .map(({ type, start, length, score }) => ({ type, start, end: start + length, score }));

test("a checksum beats structure, structure beats a phone number, then the longest wins", () => {
  expect(resolveSpans([span("phone", 0, 20), span("ip", 2, 6), span("card", 5, 9)])).toEqual([
    span("card", 0, 20),
  ]);
  expect(resolveSpans([span("phone", 0, 20), span("ip", 2, 6)])).toEqual([span("ip", 0, 20)]);
  expect(resolveSpans([span("email", 0, 8), span("jwt", 4, 20)])).toEqual([span("jwt", 0, 20)]);
});

test("spans that only touch stay apart", () => {
  expect(resolveSpans([span("email", 0, 4), span("ip", 4, 8)])).toHaveLength(2);
});

test("the result is disjoint, covers exactly what was covered, and does not depend on the order", () => {
  fc.assert(
    fc.property(fc.array(anySpan, { maxLength: 12 }), (spans) => {
      const resolved = resolveSpans(spans);
      for (let index = 1; index < resolved.length; index += 1) {
        expect(resolved[index]?.start).toBeGreaterThanOrEqual(resolved[index - 1]?.end ?? 0);
      }
      for (let at = 0; at < 75; at += 1) expect(isCovered(resolved, at)).toBe(isCovered(spans, at));
      expect(resolveSpans(spans.toReversed())).toEqual(resolved);
      expect(resolveSpans(resolved)).toEqual(resolved);
    }),
  );
});
