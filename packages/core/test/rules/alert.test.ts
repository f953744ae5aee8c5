import { expect, test } from "vitest";

import type { AlertMessage } from "../../src/base/notifier.ts";
import type { Decision } from "../../src/decision/decision.ts";
import { alert } from "../../src/rules/alert.ts";
import { compileRule, problemsOf } from "./compile-rule.ts";
import { observationOf } from "./observation.ts";

function heard(
  params: object,
  ...observations: readonly ReturnType<typeof observationOf>[]
): readonly AlertMessage[] {
  const sent: AlertMessage[] = [];
  const createNotifier = () => ({ notify: (message: AlertMessage) => void sent.push(message) });
  const rule = compileRule(alert, { channel: "log", ...params }, { createNotifier });
  for (const observation of observations) void rule.observe?.(observation);
  return sent;
}

const blocked: Partial<Decision> = { verdict: "block", effect: "block" };

test("alert_on_breach_fires_on_breach_only", () => {
  expect(heard({}, observationOf())).toHaveLength(0);
  expect(heard({}, observationOf(blocked))).toHaveLength(1);
  // A ladder's first level lets the call go on; it was a breach all the same.
  expect(heard({}, observationOf({ verdict: "escalate", effect: "allow" }))).toHaveLength(1);
});

test("fires only on the listed occasions", () => {
  expect(heard({ on: ["degrade"] }, observationOf(blocked))).toHaveLength(0);
  expect(heard({ on: ["degrade"] }, observationOf({ verdict: "degrade", effect: "block" }))).toHaveLength(1);
  expect(heard({ on: ["ask"] }, observationOf({ verdict: "escalate", effect: "ask" }))).toHaveLength(1);
  expect(
    heard({ on: ["block", "degrade"] }, observationOf({ verdict: "degrade", effect: "block" })),
  ).toHaveLength(1);
});

test("tells who, what and why, and nothing of what was passed", () => {
  const [message] = heard({}, observationOf({ ...blocked, reason: "not on the allowlist" }));
  expect(message).toMatchObject({
    kind: "decision",
    agent: "agent-1",
    tool: "search",
    policyId: "p",
    text: "blocked: search of agent-1",
    reason: "not on the allowlist",
    decisionId: "d1",
  });
  expect(JSON.stringify(message)).not.toContain("secret text");
});

test("does not tell the same decision again with the outcome, but tells a withheld result", () => {
  expect(heard({}, observationOf(blocked, { phase: "outcome" }))).toHaveLength(0);
  expect(
    heard({}, observationOf({ ...blocked, hookpoint: "after_tool_call" }, { phase: "outcome" })),
  ).toHaveLength(1);
});

test("hands its target to the channel and its delivery to the queue", async () => {
  const targets: unknown[] = [];
  const rule = compileRule(
    alert,
    { on: ["block"], channel: "webhook", url: "https://example.com/x", secret: { env: "KEY" } },
    {
      createNotifier: (target) => (targets.push(target), { notify: () => Promise.reject(new Error("down")) }),
    },
  );
  expect(targets).toStrictEqual([
    { channel: "webhook", url: "https://example.com/x", secret: { env: "KEY" } },
  ]);
  await expect(rule.observe?.(observationOf(blocked))).rejects.toThrow("down");
});

test("refuses an unknown channel, occasion or field", () => {
  expect(problemsOf(alert, { channel: "pigeon" })).toHaveLength(1);
  expect(problemsOf(alert, { channel: "log", on: ["allow"] })).toHaveLength(1);
  expect(problemsOf(alert, { channel: "log", url: "https://example.com" })).toHaveLength(1);
});
