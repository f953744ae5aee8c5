import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createChain, storedLine } from "../../src/audit/chain.ts";
import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { memorySink } from "../../src/audit/memory-sink.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { TemplateMark, type DecisionTemplate } from "../../src/decision/decision-template.ts";
import { controlRecord, decisionRecord, DECISION, hash, records } from "./records.ts";

function filled(count: number, maxRecords: number) {
  const sink = memorySink({ hash, maxRecords });
  for (let index = 0; index < count; index++) sink.append(controlRecord(`subject-${index}`));
  return sink;
}

test("keeps records in order, at once", () => {
  const sink = memorySink({ hash });
  expect(sink.append(controlRecord("a"))).toBeUndefined();
  expect(sink.append(controlRecord("b"))).toBeUndefined();
  expect(sink.records()).toStrictEqual([controlRecord("a"), controlRecord("b")]);
  expect(verifyLines(sink.lines(), hash)).toMatchObject({ ok: true, lines: 2 });
});

test.for([
  [0, 0],
  [4, 0],
  [5, 0],
  [6, 1],
  [23, 18],
] as const)("after %i records a sink of 5 has evicted %i, and its chain goes on", ([count, evicted]) => {
  const sink = filled(count, 5);
  expect(sink.evicted).toBe(evicted);
  expect(sink.records()).toHaveLength(count - evicted);
  expect(sink.records().at(-1)).toStrictEqual(
    count === 0 ? undefined : controlRecord(`subject-${count - 1}`),
  );
  const report = verifyLines(sink.lines(), hash, { start: sink.start, end: sink.end });
  expect(report).toMatchObject({ ok: true, lines: count - evicted });
  expect(sink.end.seq).toBe(count);
});

/** A sink and the chain that every other sink has, past the first line: only then is a line written piece by piece. */
function besideChain() {
  const digests = { sha256: hash.sha256, hmacSha256: hash.hmacSha256 };
  const sink = memorySink({ hash: digests, maxRecords: 3 });
  const chain = createChain(hash);
  const both = (record: AuditRecord): { readonly kept: string | undefined; readonly written: string } => {
    sink.append(record);
    return { kept: sink.lines().at(-1), written: storedLine(chain.next(record)) };
  };
  both(controlRecord("a".repeat(5_000)));
  return both;
}

test("keeps the lines that every other sink writes, whatever the records hold", () => {
  const both = besideChain();
  fc.assert(
    fc.property(records, (record) => {
      const { kept, written } = both(record);
      expect(kept).toBe(written);
    }),
    { numRuns: 300 },
  );
});

const TEXTS = [
  "plain",
  "plain, and longer than a few letters",
  'a "b',
  'a "quoted" word among others',
  String.raw`a\b`,
  String.raw`a backslash \ among others`,
  "a\tb",
  "löschen",
  "gelöscht: 删除 🗑, and longer",
  "half \ud83d",
  "half of a character \udc00 among others",
];

test.for(TEXTS)("keeps what shares the words %j, or is named so, as every other sink writes it", (text) => {
  const both = besideChain();
  const template = {
    ...DECISION,
    reason: text,
    isKept: true,
    texts: undefined,
  } as unknown as DecisionTemplate;
  for (const agent of [...TEXTS, "plain"]) {
    const decision = { ...DECISION, reason: text };
    TemplateMark.put(decision, template);
    const { kept, written } = both(decisionRecord({ decision, identity: { agent, ancestors: [text] } }));
    expect(kept).toBe(written);
  }
});

test("keeps a line whole wherever in it a block of lines ends", () => {
  const template = { ...DECISION, isKept: true, texts: undefined } as unknown as DecisionTemplate;
  const decision = { ...DECISION };
  TemplateMark.put(decision, template);
  for (let size = 2_500; size < 3_900; size++) {
    const sink = memorySink({ hash });
    sink.append(controlRecord("a".repeat(size)));
    sink.append(decisionRecord({ decision }));
    const [, last] = sink.records();
    expect(last).toMatchObject({ kind: "decision", tool: "sql_run" });
  }
});

test("keeps the same lines with the platform's own writer and without it", () => {
  const { Buffer: platformBuffer } = globalThis;
  try {
    Object.assign(globalThis, { Buffer: undefined });
    const both = besideChain();
    for (const agent of TEXTS) {
      const { kept, written } = both(decisionRecord({ identity: { agent } }));
      expect(kept).toBe(written);
    }
  } finally {
    Object.assign(globalThis, { Buffer: platformBuffer });
  }
});

test("a record that is not JSON leaves no line, and the chain goes on", () => {
  const sink = memorySink({ hash });
  sink.append(controlRecord("a"));
  expect(() => sink.append({ ...controlRecord("b"), data: { limit: Number.NaN } })).toThrow(/not finite/);
  sink.append(controlRecord("c"));
  expect(verifyLines(sink.lines(), hash)).toMatchObject({ ok: true, lines: 2 });
});

test("keeps what fills more than one block, and gives it up in order", () => {
  const sink = memorySink({ hash, maxRecords: 200 });
  for (let index = 0; index < 700; index++) {
    sink.append(controlRecord(index % 150 === 140 ? "ü".repeat(40_000) : `${index}${"a".repeat(600)}`));
    if (index % 40 !== 0) continue;
    const report = verifyLines(sink.lines(), hash, { start: sink.start, end: sink.end });
    expect(report).toMatchObject({ ok: true, lines: Math.min(index + 1, 200) });
  }
  expect(sink.records().at(-1)).toStrictEqual(controlRecord(`699${"a".repeat(600)}`));
});

test("a record changed after it was appended does not change its line", () => {
  const sink = memorySink({ hash });
  const record = { ...controlRecord("a"), by: "ada" };
  sink.append(record);
  record.by = "eve";
  expect(sink.lines()[0]).toContain('"by":"ada"');
});

test("escapes what a hash of one's own gives that is no digest of SHA-256", () => {
  const sink = memorySink({ hash: { sha256: () => '"odd"\n', hmacSha256: hash.hmacSha256 } });
  for (let index = 0; index < 3; index++) sink.append(controlRecord("a"));
  expect(sink.records()).toHaveLength(3);
  expect(sink.end.prev).toBe('"odd"\n');
});

test("keeps 10,000 records by default", () => {
  const sink = memorySink({ hash });
  for (let index = 0; index < 10_001; index++) sink.append(controlRecord("a"));
  expect(sink.evicted).toBe(1);
  expect(sink.records()).toHaveLength(10_000);
});

test.for([0, -1, 1.5, Number.NaN])("refuses a bound of %s", (maxRecords) => {
  expect(() => memorySink({ hash, maxRecords })).toThrow(ConfigError);
});
