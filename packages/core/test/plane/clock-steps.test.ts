import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

const HOUR_MS = 3_600_000;
const BOT = { kind: "agent", id: "bot" } as const;
const ACT = { by: "olga", reason: "drill" };

/** Whoever sets the clock of the machine must not be able to lift a limit with it, nor hold an agent for ever. */
describe.each([
  ["back by a day", -24 * HOUR_MS],
  ["back by a minute", -60_000],
])("a clock that is set %s", (_how, stepMs) => {
  it("neither ends a mode early nor keeps it", async () => {
    const bench = createBench();
    const { controls, engine } = bench.plane;
    await controls.degrade(BOT, { mode: "READ_ONLY", recover: { after: "30m" } }, ACT);
    bench.ports.clock.jumpWall(stepMs);
    await bench.ports.clock.advanceAsync(29 * 60_000);
    expect(await engine.decide(toolCall("update"))).toMatchObject({ cause: "mode" });
    await bench.ports.clock.advanceAsync(60_001);
    expect(await engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });

  it("forgets no breach of a ladder, and lets it decay when its time is over", async () => {
    const ladder = {
      escalation: [
        { trigger: "denylist", after: 1, within: "10m", action: { alert: { channel: "log" } } },
        { trigger: "denylist", after: 2, within: "10m", action: { block: { for: "10m", reason: "again" } } },
      ],
    } as const;
    const bench = createBench({
      policies: [blocking("p", [rule.denylist({ tools: ["update"] })], ladder)],
    });
    const { engine } = bench.plane;
    await engine.decide(toolCall("update"));
    bench.ports.clock.jumpWall(stepMs);
    await engine.decide(toolCall("update"));
    expect(await engine.decide(toolCall("search"))).toMatchObject({ effect: "block", cause: "mode" });
    await bench.ports.clock.advanceAsync(10 * 60_000 + 1);
    expect(await engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("lets a request for approval expire when its time is over", async () => {
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [
        blocking("p", [rule.denylist({ tools: ["never"] }), ask("send_mail")], {
          escalation: [{ trigger: "ask", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
        }),
      ],
    });
    const call = toolCall("send_mail", {}, { callId: "c1" });
    const { approvalId = "" } = await bench.plane.guard.ask(call);
    bench.ports.clock.jumpWall(stepMs);
    await bench.ports.clock.advanceAsync(4 * 60_000);
    expect(await bench.plane.approvals.get(approvalId)).toMatchObject({ status: "pending" });
    await bench.ports.clock.advanceAsync(60_001);
    expect(await bench.plane.approvals.get(approvalId)).toMatchObject({ status: "expired" });
  });

  it("lets nothing run twice within a window, and again after it", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.idempotency({ window: "10m" })])] });
    const call = { context: toolCall("update", { id: 1 }), run: () => 1 };
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
    bench.ports.clock.jumpWall(stepMs);
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "blocked" });
    await bench.ports.clock.advanceAsync(10 * 60_000 + 1);
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
  });
});

function ask(tool: string): ReturnType<typeof rule.condition> {
  return rule.condition({ id: "ask", where: { tool }, ["then"]: "escalate" });
}
