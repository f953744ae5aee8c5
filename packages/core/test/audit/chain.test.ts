import * as fc from "fast-check";
import { expect, test } from "vitest";

import { CHAIN_START, createChain, readStoredLine, storedLine } from "../../src/audit/chain.ts";
import { canonicalJson } from "../../src/base/canonical-json.ts";
import { addDecision } from "../../src/audit/decision-text.ts";
import { JsonText } from "../../src/base/json-target.ts";
import type { Decision } from "../../src/decision/decision.ts";
import {
  TemplateMark,
  type DecisionPlace,
  type DecisionTemplate,
} from "../../src/decision/decision-template.ts";
import { controlRecord, decisionRecord, decisions, hash, records } from "./records.ts";

test("links each line to the one before, from 64 zeros", () => {
  const chain = createChain(hash);
  const first = chain.next(controlRecord("a"));
  const second = chain.next(controlRecord("b"));
  expect(first).toMatchObject({ seq: 0, prev: "0".repeat(64) });
  expect(second).toMatchObject({ seq: 1, prev: first.hash });
  expect(second.hash).toBe(hash.sha256(second.text));
  expect(chain.position).toStrictEqual({ seq: 2, prev: second.hash });
});

test("a stored line is the canonical JSON of hash, prev, record and seq for any record", () => {
  fc.assert(
    fc.property(records, (record) => {
      const line = createChain(hash).next(record);
      const { seq, prev } = line;
      expect(line.text).toBe(canonicalJson({ prev, record, seq }));
      expect(storedLine(line)).toBe(canonicalJson({ hash: line.hash, prev, record, seq }));
    }),
    { numRuns: 500 },
  );
});

test("a record is whole where another is written in its middle, and after one that failed there", () => {
  const whole = decisionRecord({});
  const during = (work: () => void) => ({
    ...whole,
    get identity() {
      work();
      return whole.identity;
    },
  });
  const chain = createChain(hash);
  const recordIn = ({ seq, prev }: { seq: number; prev: string }): string =>
    canonicalJson({ prev, record: whole, seq });
  const failing = during(() => {
    throw new Error("in the middle");
  });
  expect(() => chain.next(failing)).toThrow("in the middle");
  let inner: ReturnType<typeof chain.next> | undefined;
  const outer = chain.next(during(() => void (inner = createChain(hash).next(whole))));
  expect(inner?.text).toBe(recordIn({ seq: 0, prev: CHAIN_START.prev }));
  expect(outer.text).toBe(recordIn(outer));
});

function decisionText(decision: Decision, around: DecisionPlace): string {
  const json = new JsonText();
  addDecision(json, decision, around);
  return json.take();
}

const PLACES = [
  { before: "<", after: ">" },
  { before: "", after: "" },
];

test("a decision that shares its words with others is written in the same canonical way", () => {
  fc.assert(
    fc.property(decisions, decisions, (decision, later) => {
      const { id: _id, durationMs: _durationMs, ...words } = decision;
      // Every member of a template is there, absent ones as undefined.
      const template = { ...words, isKept: true, texts: undefined } as DecisionTemplate;
      const { id, durationMs } = later;
      for (const made of [{ ...decision }, { ...decision, id, durationMs }]) {
        TemplateMark.put(made, template);
        const text = canonicalJson({ ...made });
        const changed = canonicalJson({ ...made, message: "changed" });
        // The texts kept for one place must not be taken for another.
        for (const around of PLACES) {
          expect(decisionText(made, around)).toBe(`${around.before}${text}${around.after}`);
          expect(decisionText({ ...made, message: "changed" }, around)).toBe(
            `${around.before}${changed}${around.after}`,
          );
        }
      }
    }),
  );
});

test("reads back what was stored, whatever the record holds", () => {
  fc.assert(
    fc.property(records, fc.nat(), (record, seq) => {
      const line = createChain(hash, { ...CHAIN_START, seq }).next(record);
      expect(readStoredLine(storedLine(line))).toStrictEqual({ ...line, recordText: canonicalJson(record) });
    }),
  );
});

const stored = storedLine(createChain(hash).next(controlRecord("a")));
test.for([
  ["nothing", ""],
  ["other JSON", '{"a":1}'],
  ["a line that breaks off", stored.slice(0, -1)],
  ["another spelling of the number", stored.replace('"seq":0', '"seq":00')],
  ["text after the end", `${stored} `],
  ["a hash in upper case", stored.replace(/"hash":"[^"]+"/, (found) => found.toUpperCase())],
] as const)("does not read %s as a stored line", ([, line]) => {
  expect(readStoredLine(line)).toBeUndefined();
});

test("goes on from a place and back to it", () => {
  const chain = createChain(hash);
  chain.next(controlRecord("a"));
  const place = chain.position;
  const lost = chain.next(controlRecord("b"));
  chain.rewind(place);
  expect(chain.next(controlRecord("b"))).toStrictEqual(lost);
  expect(createChain(hash, place).next(controlRecord("b"))).toStrictEqual(lost);
});

test("links nothing when a record is not JSON", () => {
  const chain = createChain(hash);
  expect(() => chain.next({ ...controlRecord("a"), data: { limit: Number.NaN } })).toThrow(/not finite/);
  expect(chain.position).toStrictEqual(CHAIN_START);
});

test("writes content of unknown shape in canonical order too", () => {
  const { text } = createChain(hash).next(decisionRecord({ input: { "10": 1, "9": 2, b: { z: 1, a: 2 } } }));
  expect(text).toContain('"input":{"10":1,"9":2,"b":{"a":2,"z":1}}');
});

test("half a character becomes U+FFFD, in names too, and costs no member; what spells one stays", () => {
  const data = {
    "a\ud800": 1,
    "a\udfff": 2,
    "a\ufffd": 3,
    whole: "\u{1f600}",
    spelt: "\\ud800",
    far: 1e21,
    zero: -0,
  };
  const { text } = createChain(hash).next({ ...controlRecord("half \ud83d, half \ude00"), data });
  const line: unknown = JSON.parse(text);
  expect(line).toMatchObject({
    record: {
      subject: "half \ufffd, half \ufffd",
      data: { "a\ufffd": 3, whole: "\u{1f600}", spelt: "\\ud800", far: 1e21, zero: 0 },
    },
  });
  const { data: kept } = (line as { readonly record: { readonly data: object } }).record;
  expect(Object.values(kept)).toEqual(expect.arrayContaining([1, 2, 3]));
  expect(Object.keys(kept).some((name) => /\p{Surrogate}/u.test(name))).toBe(false);
  expect(text).toBe(canonicalJson(line));
  expect(text).toContain('"far":1e+21,');
});
