import { expect, test } from "vitest";

import { createNotifier } from "../../src/notify/notifier.ts";
import { ALERT, createBench } from "./channel-bench.ts";

test("writes the alert as one line with its facts", () => {
  const bench = createBench();
  void createNotifier({ channel: "log" }, bench.deps).notify(ALERT);
  expect(bench.logged).toStrictEqual([[`alert: ${ALERT.text}: ${ALERT.reason}`, ALERT]]);
  expect(bench.sent).toHaveLength(0);
});
