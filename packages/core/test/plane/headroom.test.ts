import { describe, expect, it } from "vitest";

import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall, type Bench } from "./bench.ts";

const readOnlyUntil = (named: string) =>
  ({ mode: "READ_ONLY", recover: { when: { headroom: { rule: named, atLeast: 0.5 } } } }) as const;

function benchOf(...policies: readonly Policy[]): Bench {
  return createBench({ policies });
}

const calls = (per: "agent" | "user" | "session", named = "calls") =>
  rule.rate({
    id: "calls",
    limit: 4,
    window: "10m",
    per,
    onBreach: "degrade",
    degrade: readOnlyUntil(named),
  });

async function breach({ plane }: Bench, change: Parameters<typeof toolCall>[2] = {}): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (let time = 0; time < 5; time++) await plane.engine.decide(toolCall("search", {}, change));
}

describe("a mode that ends when its limit has room again", () => {
  it("finds its limit by the rule's kind as well", async () => {
    const bench = benchOf(blocking("p", [calls("agent", "rate")]));
    await breach(bench);
    bench.ports.clock.advance(11 * 60_000);
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });

  it.each([
    ["user", { user: "ann" }, { user: "bob" }],
    ["session", { session: "s1" }, { session: "s2" }],
  ] as const)("stays while the %s that exceeded it has none, whoever calls", async (per, who, other) => {
    const bench = benchOf(blocking("p", [calls(per)]));
    await breach(bench, who);
    expect(await bench.plane.engine.decide(toolCall("update", {}, other))).toMatchObject({ cause: "mode" });
    bench.ports.clock.advance(2_000);
    expect(await bench.plane.engine.decide(toolCall("update", {}, other))).toMatchObject({ cause: "mode" });
    bench.ports.clock.advance(11 * 60_000);
    expect(await bench.plane.engine.decide(toolCall("update", {}, other))).toMatchObject({ effect: "allow" });
  });

  it("is refused where the rule that it names limits nothing: it would never end", () => {
    const list = rule.denylist({ tools: ["x"] });
    const load = (policy: Policy) => () => benchOf(policy);
    expect(load(blocking("p", [list, calls("agent", "denylist")]))).toThrow(
      /policies\[0\]\.blocking\[1\]\.degrade\.recover\.when\.headroom\.rule: "denylist" is no limit of this policy/,
    );
    const watching = { nonBlocking: [rule.costTracking({})] };
    expect(load({ ...blocking("p", [calls("agent", "costTracking")]), ...watching })).toThrow(/is no limit/);
  });
});

describe("a ladder's alert", () => {
  it("that could never be sent is refused when the policy is loaded", () => {
    const alert = { channel: "webhook", url: { env: "NOT_SET" } } as const;
    const policy: Policy = {
      ...blocking("p", [rule.rate({ limit: 1, window: "1h" })]),
      escalation: [{ trigger: "rate", after: 1, within: "1h", action: { alert } }],
    };
    expect(() => benchOf(policy)).toThrow(
      /p\.escalation\[0\]\.action\.alert\.url: the environment variable NOT_SET is not set/,
    );
  });
});
