import { expect, test } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import type { AuditSink } from "../../src/audit/audit-sink.ts";
import { fanOutSink } from "../../src/audit/fan-out-sink.ts";
import { memorySink } from "../../src/audit/memory-sink.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "./records.ts";

/** A sink that fails as it is told. */
function failing(): AuditSink & { how: "throws" | "rejects" | "works"; taken: AuditRecord[] } {
  const sink = {
    how: "works" as "throws" | "rejects" | "works",
    taken: [] as AuditRecord[],
    append(record: AuditRecord) {
      if (sink.how === "throws") throw new Error("disk full");
      if (sink.how === "rejects") return Promise.reject(new Error("disk full"));
      sink.taken.push(record);
      return undefined;
    },
    flush() {},
    close() {},
  };
  return sink;
}

test("gives every record to every sink, at once where none has to be waited for", () => {
  const [one, two] = [memorySink(), memorySink()];
  const sink = fanOutSink([
    { name: "one", sink: one },
    { name: "two", sink: two },
  ]);
  expect(sink.append(controlRecord("a"), "durable")).toBeUndefined();
  expect(sink.append(controlRecord("b"), "buffered")).toBeUndefined();
  for (const { records } of [one, two]) expect(records()).toMatchObject([{ subject: "a" }, { subject: "b" }]);
});

test("waits for the slowest", async () => {
  let finish = (): void => undefined;
  const slow: AuditSink = {
    append: () => new Promise((resolve) => (finish = resolve)),
    flush() {},
    close() {},
  };
  const sink = fanOutSink([
    { name: "slow", sink: slow },
    { name: "memory", sink: memorySink() },
  ]);
  let isDone = false;
  const done = Promise.resolve(sink.append(controlRecord("a"), "durable")).then(() => (isDone = true));
  await Promise.resolve();
  expect(isDone).toBe(false);
  finish();
  await done;
});

test.each(["throws", "rejects"] as const)(
  "a required sink that %s fails the record, and the others have it",
  async (how) => {
    const [bad, good] = [failing(), memorySink()];
    const sink = fanOutSink([
      { name: "bad", sink: bad },
      { name: "good", sink: good },
    ]);
    bad.how = how;
    await expect((async () => sink.append(controlRecord("a"), "durable"))()).rejects.toThrow("disk full");
    expect(good.records()).toHaveLength(1);
  },
);

test.each(["throws", "rejects"] as const)(
  "a sink that is not required and %s is logged once, and is told how much it lacks when it works again",
  async (how) => {
    const [bad, logger] = [failing(), createRecordingLogger()];
    const sink = fanOutSink(
      [
        { name: "memory", sink: memorySink() },
        { name: "otel", sink: bad, isRequired: false },
      ],
      { logger },
    );
    bad.how = how;
    for (const subject of ["a", "b"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await sink.append(controlRecord(subject), "durable");
      // oxlint-disable-next-line no-await-in-loop -- a rejection is heard a moment later
      await sink.flush();
    }
    expect(logger.messages("error")).toStrictEqual([
      "the audit sink otel takes no records (disk full); calls go on",
    ]);
    bad.how = "works";
    await sink.append(controlRecord("c"), "durable");
    expect(bad.taken).toMatchObject([{ subject: "c" }, { action: "audit_gap", data: { records: 2 } }]);
    expect(logger.messages("warn")).toStrictEqual(["the audit sink otel takes records again; it lacks 2"]);
  },
);

test("a sink that is not required holds up no call, and what it never heard of is logged at the end", async () => {
  const [logger, memory] = [createRecordingLogger(), memorySink()];
  const modes: string[] = [];
  const hanging: AuditSink = {
    append(_record, mode) {
      modes.push(mode);
      return modes.length === 1 ? new Promise(() => undefined) : Promise.reject(new Error("gone"));
    },
    flush() {},
    close: () => Promise.reject(new Error("gone")),
  };
  const sink = fanOutSink(
    [
      { name: "memory", sink: memory },
      { name: "far", sink: hanging, isRequired: false },
    ],
    { logger },
  );
  expect(sink.append(controlRecord("a"), "durable")).toBeUndefined();
  expect(sink.append(controlRecord("b"), "durable")).toBeUndefined();
  expect(modes).toStrictEqual(["buffered", "buffered"]);
  await sink.flush();
  await Promise.resolve();
  await sink.close();
  expect(logger.messages("error")).toStrictEqual([
    "the audit sink far takes no records (gone); calls go on",
    "the audit sink far never got 1 of the records",
    "the audit sink far could not be closed (gone)",
  ]);
});

test("a sink that is not required and hangs is given no more than memory may hold, and told how much it lacks", async () => {
  const [logger, taken] = [createRecordingLogger(), [] as AuditRecord[]];
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => (wake = resolve));
  const hanging: AuditSink = {
    append(record) {
      taken.push(record);
      return awake;
    },
    flush() {},
    close() {},
  };
  const sink = fanOutSink(
    [
      { name: "memory", sink: memorySink({ maxRecords: 1 }) },
      { name: "far", sink: hanging, isRequired: false },
    ],
    { logger },
  );
  for (let index = 0; index < 10_003; index++) void sink.append(controlRecord("a"), "buffered");
  expect(taken).toHaveLength(10_000);
  expect(logger.messages("error")).toHaveLength(1);
  wake();
  await expect.poll(() => taken.at(-1)).toMatchObject({ action: "audit_gap", data: { records: 3 } });
  void sink.append(controlRecord("after"), "buffered");
  expect(taken.at(-1)).toMatchObject({ subject: "after" });
});

test("refuses to have no sink that is required", () => {
  expect(() => fanOutSink([])).toThrow(/must have a sink that is required/);
  expect(() => fanOutSink([{ name: "a", sink: memorySink(), isRequired: false }])).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});
