import { expect, test } from "vitest";

import { createNotifier } from "../../src/notify/notifier.ts";
import { slackMessage } from "../../src/notify/slack.ts";
import { ALERT, createBench } from "./channel-bench.ts";

test("posts a message that Slack shows, to the address kept in the environment", async () => {
  const bench = createBench();
  await createNotifier({ channel: "slack", url: { env: "SLACK_URL" } }, bench.deps).notify(ALERT);
  expect(bench.sent[0]?.url).toBe("https://hooks.slack.test/T/B/x");
  expect(JSON.parse(bench.sent[0]?.init.body ?? "")).toMatchObject({
    text: "agentplane: block (block) by acme.data",
    blocks: [{ type: "section" }, { type: "section", fields: expect.any(Array) }],
  });
});

test("lets no name become a mention or a link", () => {
  const text = JSON.stringify(
    slackMessage({ ...ALERT, tool: "<!channel>", reason: "<https://evil.test|click> & go" }),
  );
  expect(text).not.toMatch(/<!channel>|<https/);
  expect(text).toContain("&lt;!channel&gt;");
});

test("leaves out what is not known", () => {
  const [, facts] = slackMessage({ ...ALERT, tenant: undefined, tool: undefined }).blocks;
  expect(JSON.stringify(facts)).not.toMatch(/Tenant|Tool/);
});

test("is a load error when the address is not set or not safe", () => {
  const { deps } = createBench();
  expect(() => createNotifier({ channel: "slack", url: { env: "NOT_SET" } }, deps)).toThrow(
    /NOT_SET is not set/,
  );
  expect(() => createNotifier({ channel: "slack", url: "http://hooks.slack.test/x" }, deps)).toThrow(/https/);
});
