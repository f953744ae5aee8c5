import { expect, test } from "vitest";

import { rate } from "../../src/rules/rate.ts";
import { compileRule, problemsOf, toolCall } from "./compile-rule.ts";

const windowOf = (window: unknown) => compileRule(rate, { limit: 1, window }).limits?.[0]?.window;
const say = (params: object): string | undefined => compileRule(rate, params).limits?.[0]?.describe();
const problems = (params: object): string => problemsOf(rate, { limit: 1, window: "1m", ...params }).join();

test("declares one limit of calls and no opinion of its own", () => {
  const rule = compileRule(rate, { limit: 100, window: "1h", per: "tenant" });
  expect(rule.check).toBeUndefined();
  expect(rule.limits).toMatchObject([
    {
      measure: "calls",
      limit: 100,
      window: { kind: "sliding", windowMs: 3_600_000 },
      per: ["tenant"],
      onBreach: "block",
      expired: "charge",
    },
  ]);
});

test("counts each call as one, whatever it used or how it ended", () => {
  const [limit] = compileRule(rate, { limit: 1, window: "1m" }).limits ?? [];
  expect(limit?.estimate(toolCall("search"))).toStrictEqual({ amount: 1 });
  expect(limit?.actual({ inputTokens: 5 }, toolCall("search"), 10)).toBeUndefined();
});

test("rate_is_per_agent_and_per_policy: the default subject is the agent", () => {
  expect(compileRule(rate, { limit: 2, window: "1m" }).limits?.[0]?.per).toStrictEqual(["agent"]);
});

test("keeps several subjects apart, each once", () => {
  const rule = compileRule(rate, { limit: 2, window: "1m", per: ["tenant", "tool", "tenant"] });
  expect(rule.limits?.[0]?.per).toStrictEqual(["tenant", "tool"]);
});

test("counts calendar days and months of a time zone, and whole lives", () => {
  expect(windowOf({ calendar: "day", timeZone: "Europe/Berlin" })).toStrictEqual({
    kind: "calendar",
    unit: "day",
    timeZone: "Europe/Berlin",
  });
  expect(windowOf({ calendar: "month" })).toMatchObject({ unit: "month", timeZone: "UTC" });
  expect(windowOf("lifetime")).toStrictEqual({ kind: "lifetime" });
});

test("carries the mode to set when a soft limit degrades", () => {
  const degrade = { mode: "READ_ONLY", recover: { after: "30m" } };
  const rule = compileRule(rate, { limit: 1, window: "1m", onBreach: "degrade", degrade });
  expect(rule.limits?.[0]).toMatchObject({ onBreach: "degrade", degrade });
});

test("says for people what it allows", () => {
  expect(say({ limit: 100, window: "1h", per: "tenant" })).toBe("at most 100 calls per 1h and tenant");
  expect(say({ limit: 1, window: "lifetime", per: "global" })).toBe("at most 1 call");
});

test("bad_degrade_and_window_are_config_errors", () => {
  expect(problems({ window: "1.5h" })).toMatch(/window/);
  expect(problems({ window: { calendar: "week" } })).toMatch(/window/);
  expect(problems({ window: { calendar: "day", timeZone: "Mars/Olympus" } })).toMatch(/window/);
  expect(problems({ limit: -1 })).toMatch(/limit/);
  expect(problems({ limit: Number.NaN })).toMatch(/limit/);
  expect(problems({ limit: 1.5 })).toMatch(/limit/);
  expect(problems({ per: "planet" })).toMatch(/per/);
  expect(problems({ onBreach: "degrade" })).toMatch(/degrade/);
  expect(problems({ degrade: { mode: "READ_ONLY" } })).toMatch(/degrade/);
  expect(problems({ onBreach: "degrade", degrade: { mode: "BAD" } })).toMatch(/degrade\.mode/);
  expect(problems({})).toBe("");
});
