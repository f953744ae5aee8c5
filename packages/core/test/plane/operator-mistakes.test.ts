import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

const OLGA = { by: "olga" };
const RATE = blocking("pace", [rule.rate({ limit: 1, window: "1h", onBreach: "escalate" })], {
  escalation: [{ trigger: "rate", after: 1, within: "1h", action: { alert: { channel: "log" } } }],
});

describe("what would do nothing is refused with a hint", () => {
  it.each<[string, object]>([
    ["by", { reason: "fire" }],
    ["by", { by: " ", reason: "fire" }],
    ["reason", { by: "olga" }],
    ["reason", { by: "olga", reason: "" }],
  ])("an unplug without %s", (missing, act) => {
    const bench = createBench();
    // What a caller without types may write.
    const pull = (): unknown =>
      bench.plane.controls.unplug({ kind: "all" }, act as { by: string; reason: string });
    expect(pull).toThrow(
      expect.objectContaining({ code: "usage_invalid", message: expect.stringContaining(missing) }),
    );
    expect(bench.plane.controls.status().plugs).toStrictEqual([]);
    expect(bench.controls("unplugged")).toStrictEqual([]);
  });

  it.each([
    ["policy", { policyId: "pase", trigger: "rate" }, 'no policy "pase"; did you mean "pace"?'],
    ["trigger", { policyId: "pace", trigger: "rat" }, '"rat"; did you mean "rate"?'],
  ])("a ladder of an unknown %s", (_what, of, message) => {
    const bench = createBench({ policies: [RATE] });
    expect(() => bench.plane.controls.resetLadder({ ...of, agent: "bot" }, OLGA)).toThrow(
      expect.objectContaining({ code: "usage_invalid", message: expect.stringContaining(message) }),
    );
    expect(bench.controls("ladder_reset")).toStrictEqual([]);
  });

  it("a ladder where no policy has one", () => {
    const { plane } = createBench();
    expect(() => plane.controls.resetLadder({ policyId: "p", trigger: "t", agent: "bot" }, OLGA)).toThrow(
      "there are none",
    );
  });

  it("the recovery of a scope that is none", () => {
    const { plane } = createBench();
    const scope = { kind: "agnet", id: "bot" } as unknown as { kind: "agent" };
    expect(() => plane.controls.recover(scope, OLGA)).toThrow(
      expect.objectContaining({
        code: "usage_invalid",
        message: expect.stringContaining('did you mean "agent"?'),
      }),
    );
  });
});

it.each<[string, unknown, RegExp]>([
  ["an unknown mode", "readonly", /mode: must be .*did you mean "READ_ONLY"/],
  ["no mode", {}, /mode: is required/],
  ["an unknown field", { mode: "READ_ONLY", recovr: "manual" }, /recovr: is not a known field.*"recover"/],
  ["an unknown recovery", { mode: "READ_ONLY", recover: { afer: "5m" } }, /recover\.afer: .*"after"/],
  ["a recovery of a word", { mode: "READ_ONLY", recover: "never" }, /recover: /],
  ["a condition of nothing", { mode: "READ_ONLY", recover: { when: {} } }, /recover\.when/],
  [
    "a time that is none",
    { mode: "READ_ONLY", recover: { after: "soon" } },
    /recover\.after: is not a duration/,
  ],
  [
    "a pace without a throttle",
    { mode: "READ_ONLY", perMinute: 5 },
    /perMinute: has no meaning for READ_ONLY/,
  ],
  ["a second scope", { mode: "READ_ONLY", scope: "tenant" }, /scope: .*leave it out/],
])("a mode with %s is refused and sets nothing", (_what, mode, message) => {
  const { plane } = createBench();
  // What a caller without types may write.
  const degrade = (): unknown =>
    Reflect.apply(plane.controls.degrade, undefined, [{ kind: "global" }, mode, OLGA]);
  expect(degrade).toThrow(message);
  expect(plane.controls.status().modes).toStrictEqual([]);
});

it("a mode is what it was when it was set, whatever becomes of the object", async () => {
  const { plane } = createBench();
  const mode = { mode: "READ_ONLY" as "READ_ONLY" | "HUMAN_LOOP" };
  await plane.controls.degrade({ kind: "global" }, mode, OLGA);
  mode.mode = "HUMAN_LOOP";
  expect(plane.controls.status().modes).toMatchObject([{ degrade: { mode: "READ_ONLY" } }]);
});

it("a recovery says how many modes it ended", async () => {
  const { plane } = createBench();
  const bot = { kind: "agent", id: "bot" } as const;
  await plane.controls.degrade(bot, "READ_ONLY", OLGA);
  await plane.controls.degrade(bot, "NO_EXTERNAL", OLGA);
  expect(await plane.controls.recover(bot, OLGA)).toBe(2);
  expect(await plane.controls.recover(bot, OLGA)).toBe(0);
});

it("a ladder that is there is reset", async () => {
  const bench = createBench({ policies: [RATE] });
  await bench.plane.controls.resetLadder({ policyId: "pace", trigger: "rate", agent: "bot" }, OLGA);
  expect(bench.controls("ladder_reset")).toHaveLength(1);
});

it.each<[string, object, RegExp]>([
  ["a misspelt member", { agent: "bot", tennant: "acme" }, /tennant is no field.*did you mean "tenant"/],
  [
    "no agent, where each has a count of its own",
    { tenant: "acme" },
    /limits: agent must be a non-empty text/,
  ],
])("a limit is not touched by a reference with %s", async (_name, more, message) => {
  const bench = createBench({ policies: [blocking("b", [rule.rate({ limit: 5, window: "1h" })])] });
  const { plane } = bench;
  await plane.engine.decide(toolCall("search"));
  const ref = { policyId: "b", ruleId: "rate", ...more };
  const act = { by: "olga", reason: "drill" };
  for (const touch of [
    () => plane.limits.read(ref),
    () => plane.limits.grant(ref, 5, act),
    () => plane.limits.reset(ref, act),
  ])
    expect(touch).toThrow(message);
  expect(bench.controls("limit_grant")).toStrictEqual([]);
  expect(bench.controls("limit_reset")).toStrictEqual([]);
  // Named in full it is the one that was counted.
  const named = { policyId: "b", ruleId: "rate", agent: "bot", tenant: "acme" };
  expect(await plane.limits.read(named)).toMatchObject([{ used: 1 }]);
});
