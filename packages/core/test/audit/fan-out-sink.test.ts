import { expect, test } from "vitest";

import type { AuditSink } from "../../src/audit/audit-sink.ts";
import { fanOutSink } from "../../src/audit/fan-out-sink.ts";
import { memorySink } from "../../src/audit/memory-sink.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "./records.ts";

/** A sink that fails as it is told. */
function failing(): AuditSink & { how: "throws" | "rejects" | "works"; taken: number } {
  const sink = {
    how: "works" as "throws" | "rejects" | "works",
    taken: 0,
    append() {
      if (sink.how === "throws") throw new Error("disk full");
      if (sink.how === "rejects") return Promise.reject(new Error("disk full"));
      sink.taken += 1;
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
  "a sink that is not required and %s is told once, and once when it works again",
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
    await sink.append(controlRecord("a"), "durable");
    await sink.append(controlRecord("b"), "durable");
    expect(logger.messages("error")).toStrictEqual([
      "the audit sink otel takes no records (disk full); calls go on",
    ]);
    bad.how = "works";
    await sink.append(controlRecord("c"), "durable");
    expect(logger.messages("warn")).toStrictEqual(["the audit sink otel takes records again"]);
  },
);

test("refuses to have no sink that is required", () => {
  expect(() => fanOutSink([])).toThrow(/must have a sink that is required/);
  expect(() => fanOutSink([{ name: "a", sink: memorySink(), isRequired: false }])).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});
