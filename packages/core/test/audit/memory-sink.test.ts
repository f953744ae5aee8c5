import { expect, test } from "vitest";

import { memorySink } from "../../src/audit/memory-sink.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { controlRecord, hash } from "./records.ts";

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

test("a record changed after it was appended does not change its line", () => {
  const sink = memorySink({ hash });
  const record = { ...controlRecord("a"), by: "ada" };
  sink.append(record);
  record.by = "eve";
  expect(sink.lines()[0]).toContain('"by":"ada"');
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
