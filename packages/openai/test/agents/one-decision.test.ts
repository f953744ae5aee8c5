import { rule } from "@agentplane/core";
import { Agent, RunContext } from "@openai/agents";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { ASK, calling, IDENTITY, planeOf, refundTool, runner, STOP } from "./agent-script.ts";

const PASS = {
  id: "pass",
  selector: { hookpoints: ["before_tool_call"] },
  blocking: [
    rule.condition({ where: { tenant: "acme" }, then: "allow" }),
    rule.rate({ limit: 1, window: "1h", per: "tenant" }),
  ],
};
const ELSEWHERE = { ...ASK, selector: { tools: ["delete"] } };

/** A plane that counts how often a tool call was put to it, and keeps what it recorded of them. */
function watched(policies: Parameters<typeof planeOf>[0]) {
  const recorded: unknown[] = [];
  const plane = planeOf({
    ...policies,
    audit: {
      append(record) {
        if (record.kind === "decision" && record.tool === "refund") recorded.push(record.decision.effect);
      },
      flush: () => undefined,
      close: () => undefined,
    },
  });
  const seen = { asked: 0 };
  plane.hooks.on("before_tool_call", () => void seen.asked++);
  return { plane, recorded, seen };
}

describe("a call of a tool", () => {
  test.each([
    ["once, when it runs, where no policy could ask about it", [PASS, ELSEWHERE], 1],
    [
      "first when the SDK asks, where one could",
      [
        PASS,
        {
          ...ASK,
          mode: "enforce" as const,
          blocking: [rule.condition({ where: { input: { amount: { gt: 9 } } }, then: "escalate" })],
        },
      ],
      2,
    ],
  ] as const)("is put to the plane %s", async (_name, policies, times) => {
    const { plane, recorded, seen } = watched({ policies: [...policies] });
    const ran: unknown[] = [];
    const agent = new Agent({
      name: "writer",
      model: calling(["refund", { amount: 5 }]),
      tools: [refundTool(ran)],
    });
    await runner.run(govern(plane, IDENTITY, agent), "go");
    expect([ran, recorded, seen.asked]).toStrictEqual([[{ amount: 5 }], ["allow"], times]);
    await plane.close();
  });

  test.each([
    ["asked about", '{ "amount": 5 }', [{ amount: 5 }], "paid"],
    ["another amount", '{"amount":50}', [], "Error: "],
    ["one more member", '{"amount":5,"to":"eve"}', [], "Error: "],
    ["fewer members", "{}", [], "Error: "],
    ["a list of the same names", '{"amount":[5]}', [], "Error: "],
  ])("is decided as it runs, and not as it was asked about: %s", async (_name, text, done, said) => {
    const input = { amount: { lte: 9 }, to: { exists: false } };
    const plane = planeOf({
      policies: [{ ...ASK, blocking: [rule.condition({ where: { not: { input } }, then: "escalate" })] }],
    });
    const ran: unknown[] = [];
    const [context, model] = [new RunContext(), calling()];
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(ran)] }));
    const [tool] = await agent.getAllTools(context);
    if (tool?.type !== "function") throw new Error("the tool of the agent is a function");
    expect(await tool.needsApproval(context, { amount: 5 }, "call_1")).toBe(false);
    const toolCall = { type: "function_call" as const, callId: "call_1", name: "refund", arguments: text };
    const output: unknown = await tool.invoke(context, text, { toolCall });
    expect([ran, String(output).slice(0, said.length)]).toStrictEqual([done, said]);
    await plane.close();
  });

  test("waits for a human where a policy asks because of what a hook adds", async () => {
    const plane = planeOf({ policies: [{ ...ASK, selector: { tags: { risk: ["high"] } } }] });
    plane.hooks.on("before_tool_call", () => ({ tags: { risk: "high" } }));
    const ran: unknown[] = [];
    const model = calling(["refund", { amount: 5 }]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(ran)] }));
    const paused = await runner.run(agent, "go");
    expect([ran, paused.interruptions.length]).toStrictEqual([[], 1]);
    paused.state.approve(paused.interruptions[0]!);
    await runner.run(agent, paused.state);
    expect(ran).toStrictEqual([{ amount: 5 }]);
    await plane.close();
  });

  test.each([
    ["about it", ASK],
    ["about others alone", ELSEWHERE],
  ])(
    "that cannot be read is refused and recorded once where a policy could ask %s",
    async (_name, policy) => {
      const { plane, recorded } = watched({ policies: [policy] });
      const ran: unknown[] = [];
      let deep: unknown[] = [];
      for (let at = 0; at < 300; at++) deep = [deep];
      const model = calling(["refund", { deep }]);
      const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(ran)] }));
      const result = await runner.run(agent, "go");
      expect([ran, recorded, result.finalOutput]).toStrictEqual([[], ["block"], "done"]);
      expect(JSON.stringify(result.history)).toContain("Error: ");
      await plane.close();
    },
  );

  type Plane = ReturnType<typeof planeOf>;
  const CHANGES: readonly (readonly [string, "ask" | "block", (plane: Plane) => unknown])[] = [
    ["kill", "block", (plane) => plane.controls.unplug({ kind: "tool", id: "refund" }, STOP)],
    [
      "mode that asks",
      "ask",
      (plane) => plane.controls.degrade({ kind: "agent", id: "writer" }, "HUMAN_LOOP", STOP),
    ],
    [
      "policy that blocks",
      "block",
      (plane) => plane.engine.addPolicy({ id: "no", blocking: [rule.denylist({ tools: ["refund"] })] }),
    ],
    ["policy that asks", "ask", (plane) => plane.engine.addPolicy({ ...ASK, id: "late" })],
  ];

  test.each(CHANGES)(
    "does not run where a %s comes after the SDK asked, and consumes nothing",
    async (_name, effect, change) => {
      const { plane, recorded } = watched({ policies: [PASS] });
      const ran: unknown[] = [];
      const late = {
        ...refundTool(ran),
        async needsApproval() {
          await change(plane);
          return false;
        },
      };
      const agent = new Agent({ name: "writer", model: calling(["refund", { amount: 5 }]), tools: [late] });
      const result = await runner.run(govern(plane, IDENTITY, agent), "go");
      expect([ran, recorded, result.finalOutput]).toStrictEqual([[], [effect], "done"]);
      expect(JSON.stringify(result.history)).toContain("Error: ");
      // The one call that the rate allows is still there.
      const other = await plane.guard.toolCall({
        context: {
          hookpoint: "before_tool_call",
          agent: "other",
          ...IDENTITY,
          tool: { name: "find", input: {} },
        },
        run: () => "found",
      });
      expect(other.status).toBe("ran");
      await plane.close();
    },
  );
});
