import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { PlugSubject } from "../../src/state/plugboard.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, modelCall, sharedState, toolCall, type CallChange } from "./bench.ts";

const STOP = { by: "olga", reason: "drill" };

describe("unplugging", () => {
  it.each<[string, PlugSubject, CallChange, CallChange]>([
    ["an agent", { kind: "agent", id: "bot" }, {}, { agent: "other" }],
    [
      "an agent and what it delegates to",
      { kind: "agent", id: "boss" },
      { agent: { id: "kid", ancestors: ["root", "boss"] } },
      {},
    ],
    ["an agent in one tenant", { kind: "agent", id: "bot", tenant: "acme" }, {}, { tenant: "beta" }],
    ["a tenant never seen before", { kind: "tenant", id: "new" }, { tenant: "new", agent: "fresh" }, {}],
    ["everything", { kind: "all" }, {}, {}],
  ])("stops %s and nobody else", async (_name, subject, inside, outside) => {
    const { plane } = createBench();
    await plane.controls.unplug(subject, STOP);
    for (const call of [toolCall("search", {}, inside), modelCall(inside)]) {
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      const decision = await plane.engine.decide(call);
      expect(decision).toMatchObject({
        effect: "block",
        verdict: "block",
        cause: "unplugged",
        policyId: undefined,
      });
      expect(decision.reason).toContain("drill");
    }
    if (subject.kind === "all") return;
    expect(await plane.engine.decide(toolCall("search", {}, outside))).toMatchObject({ effect: "allow" });
  });

  it.each(["search", "web_search", "srv", "srv/search"])("a tool stops it under the name %s", async (id) => {
    const { plane } = createBench();
    await plane.controls.unplug({ kind: "tool", id }, STOP);
    const tool = { name: "web_search", server: "srv", originalName: "search", input: {} };
    expect(await plane.engine.decide({ ...toolCall("x"), tool })).toMatchObject({
      effect: "block",
      cause: "unplugged",
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });

  it("asks no rule any more, at no hookpoint", async () => {
    let asked = 0;
    const counting = defineRule({
      kind: "counting",
      summary: "Counts.",
      timing: "blocking",
      hookpoints: ["*"],
      params: z.strictObject({}),
      example: {},
      isStateless: true,
      compile: () => ({
        check: () => {
          asked++;
          return undefined;
        },
      }),
    });
    const { plane } = createBench({ rules: [counting], policies: [blocking("p", [{ rule: "counting" }])] });
    await plane.controls.unplug({ kind: "agent", id: "bot" }, STOP);
    for (const hookpoint of [
      "before_agent",
      "before_tool_call",
      "before_model_call",
      "after_tool_call",
      "after_agent",
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await plane.engine.decide({ hookpoint, agent: "bot", result: "x" })).toMatchObject({
        cause: "unplugged",
      });
    }
    expect(asked).toBe(0);
  });

  it("is held per authority: a call is blocked while any holds one, and each lifts only its own", async () => {
    const { plane } = createBench();
    const bot = { kind: "agent", id: "bot" } as const;
    await plane.controls.unplug(bot, STOP);
    await plane.controls.unplug(bot, { ...STOP, authority: "server" });
    await plane.controls.plug(bot, { by: "olga" });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ cause: "unplugged" });
    expect(plane.controls.status().plugs).toMatchObject([{ authority: "server" }]);
    await plane.controls.plug(bot, { by: "olga" });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ cause: "unplugged" });
    await plane.controls.plug(bot, { by: "service", authority: "server" });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("is on the record, and survives a restart", async () => {
    const ports = createTestPorts();
    const options = { state: sharedState(ports), sharedPorts: ports };
    const first = createBench(options);
    await first.plane.controls.unplug({ kind: "agent", id: "bot" }, STOP);
    const second = createBench(options);
    expect(await second.plane.engine.decide(toolCall("search"))).toMatchObject({ cause: "unplugged" });
    await second.plane.controls.plug({ kind: "agent", id: "bot" }, { by: "otto" });
    expect(await first.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(first.controls("unplugged")).toMatchObject([
      { by: "olga", subject: "agent:bot", reason: "drill" },
    ]);
    expect(second.controls("plugged")).toMatchObject([{ by: "otto" }]);
    expect(second.decisions()).toHaveLength(1);
  });

  it("during a decision that waits stops it: nothing stays held", async () => {
    const slow = defineRule({
      kind: "slow",
      summary: "Takes its time.",
      timing: "blocking",
      hookpoints: ["*"],
      params: z.strictObject({}),
      example: {},
      isStateless: true,
      compile: (_params, { timers }) => ({
        check: () => new Promise((resolve) => timers.set(() => resolve(undefined), 500)),
      }),
    });
    const bench = createBench({
      rules: [slow],
      policies: [blocking("p", [{ rule: "slow" }, rule.rate({ limit: 5, window: "1h" })])],
    });
    const deciding = bench.plane.engine.decide(toolCall("search"));
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, STOP);
    await bench.ports.clock.advanceAsync(500);
    expect(await deciding).toMatchObject({ effect: "block", cause: "unplugged" });
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 0, held: 0 });
  });
});

describe("a throttle that waits", () => {
  const bot = { kind: "agent", id: "bot" } as const;
  const waiting = { mode: "RATE_THROTTLE", perMinute: 1, delay: { max: "2m" } } as const;

  it("takes the next slot when it is free", async () => {
    const { plane, ports } = createBench();
    await plane.controls.degrade(bot, waiting, { by: "olga" });
    await plane.engine.decide(toolCall("search"));
    const second = plane.engine.decide(toolCall("search"));
    let isDone = false;
    void Promise.resolve(second).then(() => (isDone = true));
    await ports.clock.advanceAsync(59_000);
    expect(isDone).toBe(false);
    await ports.clock.advanceAsync(1_000);
    expect(await second).toMatchObject({ effect: "allow" });
  });

  it("blocks at once when the wait would be longer than it may", async () => {
    const { plane, ports } = createBench();
    await plane.controls.degrade(bot, { ...waiting, delay: { max: "5s" } }, { by: "olga" });
    await plane.engine.decide(toolCall("search"));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      retryAfterMs: 60_000,
    });
    expect(ports.clock.pending).toBe(0);
  });

  it("is woken by a kill, at once, and does not run", async () => {
    const { plane, ports } = createBench();
    await plane.controls.degrade(bot, waiting, { by: "olga" });
    await plane.engine.decide(toolCall("search"));
    const second = plane.engine.decide(toolCall("search"));
    await ports.clock.advanceAsync(1_000);
    await plane.controls.unplug(bot, STOP);
    expect(await second).toMatchObject({ effect: "block", cause: "unplugged" });
    expect(ports.clock.pending).toBe(0);
  });

  it("does not spend a slot or another limit on a call that a mode set meanwhile stops", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 5, window: "1h" })])] });
    await bench.plane.controls.degrade(bot, waiting, { by: "olga" });
    await bench.plane.engine.decide(toolCall("update"));
    const second = bench.plane.engine.decide(toolCall("update"));
    await bench.ports.clock.advanceAsync(1_000);
    await bench.plane.controls.degrade(bot, "READ_ONLY", { by: "olga" });
    await bench.ports.clock.advanceAsync(60_000);
    expect(await second).toMatchObject({ effect: "block", cause: "mode" });
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect((state?.used ?? 0) + (state?.held ?? 0)).toBe(1);
  });
});
