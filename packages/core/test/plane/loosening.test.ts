import { describe, expect, test } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { createBench, toolCall as call } from "./bench.ts";

test("no source loosens the default effect: block anywhere is enough", () => {
  const bench = createBench({ defaultEffect: "block" });
  bench.plane.engine.replaceAll("file:x", {
    apiVersion: "agentplane/v1",
    policies: [],
    defaultEffect: "allow",
  });
  expect(bench.plane.engine.decide(call("search", {}))).toMatchObject({
    effect: "block",
    cause: "no_policy",
  });
});

test("a pending call that is asked about again is one decision", () => {
  const bench = createBench({
    approvals: { resolver: "external" },
    policies: [{ id: "p", blocking: [rule.condition({ where: { tool: "update" }, then: "escalate" })] }],
  });
  const ask = () => bench.plane.engine.decide({ ...call("update", { a: 1 }), callId: "c1" });
  expect(ask()).toMatchObject({ effect: "ask" });
  expect(ask()).toMatchObject({ effect: "ask" });
  expect(bench.decisions()).toHaveLength(1);
});

test("a resource that is declared internal may be read under NO_EXTERNAL, another may not", () => {
  const bench = createBench({ tools: { "file:///docs": { access: "read", external: false } } });
  void bench.plane.controls.degrade({ kind: "global" }, "NO_EXTERNAL", { by: "ops" });
  const read = (name: string) =>
    bench.plane.engine.decide({ hookpoint: "before_resource_read", agent: "bot", target: { name } });
  expect(read("file:///docs")).toMatchObject({ effect: "allow" });
  expect(read("https://example.com")).toMatchObject({ effect: "block", cause: "mode" });
});

describe("modes set by policies", () => {
  test("a breach without a tenant does not stop the agent in other tenants", () => {
    const bench = createBench({
      policies: [
        {
          id: "p",
          blocking: [rule.denylist({ tools: ["run_code"] })],
          escalation: [{ trigger: "denylist", after: 1, within: "10m", action: { block: { for: "1h" } } }],
        },
      ],
    });
    void bench.plane.engine.decide({ hookpoint: "before_tool_call", agent: "bot", tool: "run_code" });
    const without = bench.plane.engine.decide({
      hookpoint: "before_tool_call",
      agent: "bot",
      tool: "search",
    });
    expect(without).toMatchObject({ effect: "block", cause: "mode" });
    expect(bench.plane.engine.decide({ ...call("search", {}), agent: "bot" })).toMatchObject({
      effect: "allow",
    });
  });

  test("a mode that waits for quiet is not over while its policy is still breached", () => {
    const bench = createBench({
      policies: [
        {
          id: "p",
          blocking: [rule.denylist({ tools: ["fetch_page"] })],
          escalation: [
            {
              trigger: "denylist",
              after: 2,
              within: "1m",
              action: { degrade: { mode: "READ_ONLY", recover: { when: { quietFor: "2m" } } } },
            },
          ],
        },
      ],
    });
    const breach = () => void bench.plane.engine.decide(call("fetch_page", {}));
    const modes = () => bench.plane.controls.status().modes.length;
    breach();
    breach();
    expect(modes()).toBe(1);
    // One breach alone is below the step, and still no quiet.
    bench.ports.clock.advance(90_000);
    breach();
    bench.ports.clock.advance(90_000);
    expect(modes()).toBe(1);
    bench.ports.clock.advance(60_000);
    expect(modes()).toBe(0);
  });

  test("an operator's mode cannot wait for a limit that no policy of it names", () => {
    const bench = createBench();
    expect(() =>
      bench.plane.controls.degrade(
        { kind: "agent", id: "bot" },
        { mode: "READ_ONLY", recover: { when: { headroom: { rule: "usd", atLeast: 0.2 } } } },
        { by: "ops" },
      ),
    ).toThrow(/headroom/);
  });
});
