import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createChain, storedLine } from "../../src/audit/chain.ts";
import { verifyLines, type LineProblem } from "../../src/audit/verify.ts";
import { controlRecord, hash, records } from "./records.ts";

function logOf(count: number) {
  const chain = createChain(hash);
  const lines = Array.from({ length: count }, (_, index) =>
    storedLine(chain.next(controlRecord(`s${index}`))),
  );
  return { lines, end: chain.position };
}

/** Writes a line anew with a hash that fits: what someone does who knows the format. */
function forged(line: string, change: (text: string) => string): string {
  const text = `{${change(line.slice(line.indexOf('"prev"')))}`;
  return `{"hash":"${hash.sha256(text)}",${text.slice(1)}`;
}

const { lines, end } = logOf(6);
const at = (index: number): string => lines[index] ?? "";

test("accepts an untouched trail and says that nothing of it is sealed", () => {
  expect(verifyLines(lines, hash)).toStrictEqual({ ok: true, lines: 6, unsealedTail: 6, end });
  expect(verifyLines([], hash)).toMatchObject({ ok: true, lines: 0 });
});

test.for<[string, readonly string[], number, LineProblem]>([
  ["a changed word", lines.with(2, at(2).replace("incident", "accident")), 3, "edited"],
  ["a changed first line", lines.with(0, at(0).replace("ada", "eve")), 1, "edited"],
  ["a changed last line", lines.with(5, at(5).replace("ada", "eve")), 6, "edited"],
  [
    "a changed line with a new hash",
    lines.with(
      2,
      forged(at(2), (text) => text.replace("ada", "eve")),
    ),
    3,
    "edited",
  ],
  [
    "a changed first line with a new hash",
    lines.with(
      0,
      forged(at(0), (t) => t.replace("ada", "eve")),
    ),
    1,
    "edited",
  ],
  [
    "another line before it named, with a new hash",
    lines.with(
      3,
      forged(at(3), (t) => t.replace(/[0-9a-f]{64}/, "f".repeat(64))),
    ),
    4,
    "edited",
  ],
  [
    "another number, with a new hash",
    lines.with(
      3,
      forged(at(3), (text) => text.replace('"seq":3', '"seq":1')),
    ),
    4,
    "edited",
  ],
  ["JSON of something else", lines.with(3, '{"a":1}'), 4, "edited"],
  ["no JSON", lines.with(3, "garbage"), 4, "not_json"],
  ["an empty line in the middle", lines.toSpliced(3, 0, ""), 4, "not_json"],
  ["a line gone", lines.toSpliced(2, 1), 3, "removed"],
  ["three lines gone", lines.toSpliced(1, 3), 2, "removed"],
  ["the first line gone", lines.slice(1), 1, "removed"],
  ["two neighbours swapped", lines.with(2, at(3)).with(3, at(2)), 3, "reordered"],
  ["first and last swapped", lines.with(0, at(5)).with(5, at(0)), 1, "reordered"],
  ["a line twice", lines.toSpliced(3, 0, at(2)), 4, "duplicated"],
  ["an old line again at the end", [...lines, at(0)], 7, "duplicated"],
  ["a last line that breaks off", lines.with(5, at(5).slice(0, 90)), 6, "truncated"],
])("names the first bad line: %s", ([, changed, line, problem]) => {
  expect(verifyLines(changed, hash)).toMatchObject({ ok: false, firstBad: { line, problem } });
});

test("finds a trail cut at its end only where the end was kept elsewhere", () => {
  expect(verifyLines(lines.slice(0, 4), hash)).toMatchObject({ ok: true, unsealedTail: 4 });
  const report = verifyLines(lines.slice(0, 4), hash, { end });
  expect(report.firstBad).toMatchObject({ line: 5, problem: "truncated" });
  const anew = lines.with(
    5,
    forged(at(5), (text) => text.replace("ada", "eve")),
  );
  expect(verifyLines(anew, hash, { end }).firstBad).toMatchObject({ line: 6, problem: "edited" });
});

test("locates any single edit, deletion, swap or duplicate of a random trail", () => {
  const trails = fc.array(records, { minLength: 2, maxLength: 12 }).map((list) => {
    const chain = createChain(hash);
    return { trail: list.map((record) => storedLine(chain.next(record))), until: chain };
  });
  fc.assert(
    fc.property(trails, fc.nat(), fc.nat(), fc.nat(), ({ trail, until }, a, b, c) => {
      const [first, second] = [a % trail.length, b % trail.length].toSorted((x, y) => x - y) as [
        number,
        number,
      ];
      const line = trail[first] ?? "";
      const spot = c % line.length;
      const other = line[spot] === "7" ? "8" : "7";
      const options = { end: until.position };
      const check = (changed: readonly string[]) => verifyLines(changed, hash, options).firstBad;

      const edited = check(trail.with(first, line.slice(0, spot) + other + line.slice(spot + 1)));
      expect(edited?.line).toBe(first + 1);
      const cut = check(trail.toSpliced(first, 1));
      expect(cut).toMatchObject({
        line: first + 1,
        problem: first === trail.length - 1 ? "truncated" : "removed",
      });
      const twice = check(trail.toSpliced(second + 1, 0, line));
      expect(twice).toMatchObject({ line: second + 2, problem: "duplicated" });
      if (first === second) return;
      const swapped = check(trail.with(first, trail[second] ?? "").with(second, line));
      expect(swapped).toMatchObject({ line: first + 1, problem: "reordered" });
    }),
    { numRuns: 300 },
  );
});
