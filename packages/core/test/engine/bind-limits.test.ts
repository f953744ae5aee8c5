import { describe, expect, it } from "vitest";

import { createAgentPlane, createRegistry, rule, type Policy, type RuleKind } from "../../src/index.ts";

const SUBJECTS = ["agent", "session", "user", "run", "tool", "tenant", "global"] as const;

interface Call {
  readonly agent?: string;
  readonly session?: string;
  readonly user?: string;
  readonly run?: string;
  readonly tool?: string;
  readonly tenant?: string;
}

async function effectsOf(
  policies: readonly Policy[],
  calls: readonly Call[],
  rules: readonly RuleKind[] = [],
) {
  const plane = createAgentPlane({ policies, rules });
  const effects: string[] = [];
  for (const { agent = "a", session = "s", user = "u", run = "r", tool = "t", tenant = "n" } of calls) {
    const init = {
      hookpoint: "before_tool_call",
      agent: { id: agent, runId: run },
      session,
      user,
      tool,
      tenant,
    };
    // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is counted
    effects.push((await plane.engine.decide(init)).effect);
  }
  await plane.close();
  return effects.map((effect) => effect === "allow");
}

describe("limits of calls that meet the same policies", () => {
  it.each(SUBJECTS.filter((subject) => subject !== "global"))(
    "count apart per %s, whatever comes in between",
    async (per) => {
      const policy: Policy = { id: "p", blocking: [rule.rate({ limit: 2, window: "1h", per })] };
      const first: Call = { [per]: "one" };
      const second: Call = { [per]: "two" };
      expect(await effectsOf([policy], [first, second, first, second, first, second])).toStrictEqual([
        true,
        true,
        true,
        true,
        false,
        false,
      ]);
    },
  );

  it("count together per global", async () => {
    const policy: Policy = { id: "p", blocking: [rule.rate({ limit: 2, window: "1h", per: "global" })] };
    const calls: readonly Call[] = [{ agent: "one" }, { tenant: "two" }, { agent: "three" }];
    expect(await effectsOf([policy], calls)).toStrictEqual([true, true, false]);
  });

  it("count per rule, also where a kind hands every rule the same declaration", async () => {
    const rate = createRegistry().get("rate")!;
    let shared: ReturnType<RuleKind["compile"]> | undefined;
    const kind: RuleKind = {
      ...rate,
      kind: "sharedRate",
      compile: (params, tools) => (shared ??= rate.compile(params, tools)),
    };
    const spec = { rule: "sharedRate", limit: 2, window: "1h" };
    const first: Policy = { id: "p", selector: { users: ["u1"] }, blocking: [spec] };
    const second: Policy = { id: "q", selector: { users: ["u2"] }, blocking: [spec] };
    const calls: readonly Call[] = [
      { user: "u1" },
      { user: "u2" },
      { user: "u1" },
      { user: "u2" },
      { user: "u1" },
      { user: "u2" },
    ];
    expect(await effectsOf([first, second], calls, [kind])).toStrictEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it("estimate once per call where amounts vary, and charge each its own", async () => {
    const rate = createRegistry().get("rate")!;
    let asked = 0;
    const weighed: RuleKind = {
      ...rate,
      kind: "weighed",
      compile: (params, tools) => ({
        limits: (rate.compile(params, tools).limits ?? []).map((limit) => ({
          ...limit,
          measure: "microUsd",
          estimate: ({ tool }) => {
            asked++;
            return { amount: tool?.input === 1 ? 1 : 5 };
          },
          actual: () => undefined,
        })),
      }),
    };
    const plane = createAgentPlane({
      rules: [weighed],
      policies: [{ id: "p", blocking: [{ rule: "weighed", limit: 12, window: "1h", per: "tenant" }] }],
    });
    const effects: string[] = [];
    for (const input of [5, 1, 5, 1, 1, 5]) {
      const init = { hookpoint: "before_tool_call", agent: "a", tenant: "n", tool: { name: "t", input } };
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is counted
      effects.push((await plane.engine.decide(init)).effect);
    }
    await plane.close();
    expect(effects).toStrictEqual(["allow", "allow", "allow", "allow", "block", "block"]);
    // Once more only where the first difference was found out.
    expect(asked).toBe(7);
  });
});
