/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, sharedState, toolCall, type Bench, type BenchOptions } from "./bench.ts";

/** Every call of `send_mail` is a breach. */
const trigger = rule.condition({
  id: "mail",
  where: { tool: "send_mail" },
  then: "escalate",
  reason: "mail",
});

const climbing: Policy = blocking("p", [trigger], {
  escalation: [
    { trigger: "mail", after: 1, within: "10m", action: { alert: { channel: "log" } } },
    { trigger: "mail", after: 2, within: "10m", action: { hitl: { timeout: "5m" } } },
    {
      trigger: "mail",
      after: 3,
      within: "10m",
      action: { degrade: { mode: "READ_ONLY", recover: { after: "30m" } } },
    },
    {
      trigger: "mail",
      after: 5,
      within: "1h",
      action: { block: { for: "1h", reason: "repeated violations" } },
    },
  ],
});

function mail({ plane }: Bench, change: Parameters<typeof toolCall>[2] = {}): unknown {
  return plane.engine.decide(toolCall("send_mail", {}, change));
}

describe("a ladder", () => {
  it("climbs from alert over approval and degradation to block, each level once on the record", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    expect(await mail(bench)).toMatchObject({ effect: "allow", verdict: "escalate" });
    expect(await mail(bench)).toMatchObject({ effect: "ask", verdict: "escalate" });
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "mode", modes: ["READ_ONLY"] });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      cause: "mode",
    });
    expect(bench.controls("ladder").map(({ data }) => data?.["level"])).toStrictEqual([1, 2, 3]);
    await bench.plane.flush();
    expect(bench.ports.logger.entries.filter(({ message }) => message.includes("mail"))).not.toHaveLength(0);
  });

  it("latches FULL_BLOCK at its block level, for its time", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [trigger], {
          escalation: [
            { trigger: "mail", after: 2, within: "1m", action: { block: { for: "1h", reason: "enough" } } },
          ],
        }),
      ],
    });
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
    expect(await mail(bench)).toMatchObject({ effect: "block" });
    const latched = await bench.plane.engine.decide(toolCall("search"));
    expect(latched).toMatchObject({ effect: "block", cause: "mode", modes: ["FULL_BLOCK"] });
    expect(latched.reason).toContain("enough");
    bench.ports.clock.advance(3_600_000);
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(bench.controls("mode_recovered")).toHaveLength(1);
  });

  it("without a time blocks the breaching call alone, and calls it the ladder's doing", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [trigger], {
          escalation: [{ trigger: "mail", after: 1, within: "1m", action: { block: {} } }],
        }),
      ],
    });
    expect(await mail(bench)).toMatchObject({ effect: "block", verdict: "escalate", cause: "ladder" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("decays by itself when the breaches are old", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    await mail(bench);
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
    bench.ports.clock.advance(600_000);
    expect(await mail(bench)).toMatchObject({ effect: "allow", verdict: "escalate" });
  });

  it("counts per agent and tenant", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    await mail(bench);
    expect(await mail(bench, { agent: "bot-2" })).toMatchObject({ effect: "allow" });
    expect(await mail(bench, { tenant: "beta" })).toMatchObject({ effect: "allow" });
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
  });

  it("counts one breach per call, however often the call is asked about", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    const context = bench.plane.guard.context(toolCall("send_mail", {}, { callId: "c1" }));
    expect(await bench.plane.guard.ask(context)).toMatchObject({ effect: "allow" });
    expect(await bench.plane.guard.ask(context)).toMatchObject({ effect: "allow" });
    expect(await bench.plane.guard.admit(context)).toMatchObject({ status: "admitted" });
    expect(await mail(bench, { callId: "c2" })).toMatchObject({ effect: "ask" });
  });

  it("counts calls that were blocked too, and never loosens a block", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [rule.denylist({ id: "mail", tools: ["send_mail"] })], {
          escalation: [
            { trigger: "mail", after: 1, within: "1h", action: { alert: { channel: "log" } } },
            {
              trigger: "mail",
              after: 2,
              within: "1h",
              action: { degrade: { mode: "FULL_BLOCK", recover: { after: "1m" } } },
            },
          ],
        }),
      ],
    });
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "rule" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await mail(bench)).toMatchObject({ effect: "block" });
    expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      modes: ["FULL_BLOCK"],
    });
  });

  it("is climbed by every rule of a kind when the trigger names the kind", async () => {
    const bench = createBench({
      policies: [
        blocking(
          "p",
          [
            { ...trigger, id: "one" },
            { ...trigger, id: "two", where: { tool: "update" } },
          ],
          {
            escalation: [{ trigger: "condition", after: 2, within: "1h", action: { block: {} } }],
          },
        ),
      ],
    });
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "ladder" });
  });

  it("survives a restart of the process", async () => {
    const ports = createTestPorts();
    const options: BenchOptions = {
      policies: [climbing],
      approvals: { resolver: "external" },
      state: sharedState(ports),
      sharedPorts: ports,
    };
    await mail(createBench(options));
    expect(await mail(createBench(options))).toMatchObject({ effect: "ask" });
  });

  it("can be reset by an operator, on the record", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    await mail(bench);
    await bench.plane.controls.resetLadder(
      { policyId: "p", trigger: "mail", agent: "bot", tenant: "acme" },
      { by: "olga", reason: "known" },
    );
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
    expect(bench.controls("ladder_reset")).toMatchObject([{ by: "olga", subject: "bot" }]);
  });

  it("does not move on a preview", async () => {
    const bench = createBench({ policies: [climbing], approvals: { resolver: "external" } });
    for (let time = 0; time < 5; time++)
      void bench.plane.engine.decide(toolCall("send_mail"), { intent: "peek" });
    expect(bench.records.filter(({ kind }) => kind === "decision")).toHaveLength(0);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("of each policy moves by itself: effects join", async () => {
    const second = blocking("q", [trigger], {
      escalation: [{ trigger: "mail", after: 1, within: "1h", action: { block: { reason: "no" } } }],
    });
    const bench = createBench({ policies: [climbing, second], approvals: { resolver: "external" } });
    expect(await mail(bench)).toMatchObject({ effect: "block" });
    bench.plane.engine.removePolicy("q");
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
  });
});

describe("a breach in a result", () => {
  const LEAK = rule.condition({
    id: "leak",
    where: { result: { secret: true } },
    then: "escalate",
    reason: "a secret came back",
  });
  const after = (level: number, action: object): Policy =>
    blocking("p", [LEAK], {
      escalation: [{ trigger: "leak", after: level, within: "1h", action: action as never }],
    });
  const leak = async ({ plane }: Bench, change: Parameters<typeof toolCall>[2] = {}): Promise<unknown> =>
    plane.guard.toolCall({ context: toolCall("search", {}, change), run: () => ({ secret: true }) });

  it.each<[string, (at: number) => Parameters<typeof toolCall>[2]]>([
    ["calls without an id", () => ({})],
    ["calls with ids", (at) => ({ callId: `c${at}` })],
  ])("advances the ladder and sets its mode, as one before the call does: %s", async (_name, change) => {
    const bench = createBench({
      policies: [after(3, { degrade: { mode: "READ_ONLY", recover: { after: "30m" } } })],
    });
    expect(await leak(bench, change(1))).toMatchObject({ status: "ran" });
    expect(await leak(bench, change(2))).toMatchObject({ status: "ran" });
    expect(bench.controls("ladder")).toHaveLength(0);
    await leak(bench, change(3));
    expect(bench.controls("ladder").map(({ data }) => data?.["level"])).toStrictEqual([1]);
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      modes: ["READ_ONLY"],
    });
  });

  it("withholds the result where the level blocks, and says that the action was executed", async () => {
    const bench = createBench({ policies: [after(2, { block: { reason: "enough" } })] });
    expect(await leak(bench)).toMatchObject({ status: "ran" });
    const withheld = await leak(bench);
    expect(withheld).toMatchObject({ status: "blocked", message: expect.stringContaining("WAS executed") });
    expect(JSON.stringify(withheld)).not.toContain('secret":true');
    expect(bench.outcomes().map(({ outcome }) => outcome)).toStrictEqual(["ran", "withheld"]);
  });
});

it("an escalation without a ladder asks, and blocks where nobody can answer", async () => {
  const asked = createBench({ policies: [blocking("p", [trigger])], approvals: { resolver: "external" } });
  expect(await mail(asked)).toMatchObject({ effect: "ask" });
  const alone = createBench({ policies: [blocking("p", [trigger])] });
  const blocked = await alone.plane.engine.decide(toolCall("send_mail"));
  expect(blocked).toMatchObject({ effect: "block", cause: "approval", policyId: "p", ruleId: "mail" });
  expect(blocked.reason).toContain("nobody can answer");
});
