import { expect, test } from "vitest";

import type { FetchLike } from "../../src/base/platform.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { createFakeClock } from "../../src/testing/fake-clock.ts";
import { createFakeIds } from "../../src/testing/fake-ids.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

function observe(): unknown {
  const { clock, ids, fetch } = createTestPorts();
  return [clock.wallMs(), ids.next("dec"), ids.next("dec"), ids.next("apr"), ids.secret("dec"), fetch];
}

test("two sets of ports behave the same: time, identifiers, and no network", () => {
  expect(observe()).toStrictEqual(observe());
  expect(observe()).toStrictEqual([
    Date.UTC(2026, 0, 1),
    "dec_1",
    "dec_2",
    "apr_1",
    "dec_secret1",
    undefined,
  ]);
});

test("the clock drives the timers", () => {
  const { clock, timers } = createTestPorts();
  let isFired = false;
  timers.set(() => {
    isFired = true;
  }, 10);
  clock.advance(10);
  expect(isFired).toBe(true);
});

test("the hash is the real one", () => {
  const { hash } = createTestPorts();
  expect(hash.sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(hash.hmacSha256("k", "text")).toBe(createPorts().hash.hmacSha256("k", "text"));
});

test("secrets resolve by name and may change while the test runs", () => {
  const { secret, secrets } = createTestPorts({ secrets: { ALERT_KEY: "k" } });
  expect([secret("ALERT_KEY"), secret("PATH")]).toStrictEqual(["k", undefined]);
  secrets.set("PATH", "p");
  expect(secret("PATH")).toBe("p");
});

test("takes what a test brings: clock, logger, identifiers and any other port", async () => {
  const clock = createFakeClock({ startMs: 5 });
  const logger = createRecordingLogger();
  const fetch: FetchLike = () => Promise.reject(new Error(`no network in ${clock.wallMs()}`));
  const ports = createTestPorts({ clock, logger, fetch, ids: createFakeIds({ suffix: "-b" }) });
  expect(ports.clock).toBe(clock);
  expect(ports.timers).toBe(clock);
  expect(ports.logger).toBe(logger);
  expect(ports.fetch).toBe(fetch);
  expect(ports.ids.next("dec")).toBe("dec_1-b");
});

test("the logger keeps what it is told, by level, until it is cleared", () => {
  const logger = createRecordingLogger();
  logger.warn("careful", { policyId: "p" });
  logger.error("broken");
  expect(logger.entries).toStrictEqual([
    { level: "warn", message: "careful", data: { policyId: "p" } },
    { level: "error", message: "broken" },
  ]);
  expect(logger.messages("error")).toStrictEqual(["broken"]);
  logger.clear();
  expect(logger.entries).toStrictEqual([]);
});
