import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

/** Names that every object seems to have. */
const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

describe.each(NAMES)("the name %s", (name) => {
  it("is a name like any where limits count by it", async () => {
    const limits = (["agent", "tenant", "session", "tool"] as const).map((per) =>
      rule.rate({ id: per, limit: 1, window: "1h", per }),
    );
    const bench = createBench({ policies: [blocking("p", limits)] });
    const call = toolCall(name, {}, { agent: name, tenant: name, session: name, user: name });
    expect(await bench.plane.guard.toolCall({ context: call, run: () => 1 })).toMatchObject({
      status: "ran",
    });
    expect(await bench.plane.guard.toolCall({ context: call, run: () => 1 })).toMatchObject({
      status: "blocked",
    });
  });

  it("is a tool that nobody declared, under every mode", async () => {
    const bench = createBench({ policies: [] });
    await bench.plane.controls.degrade({ kind: "agent", id: "bot" }, "SAFE_TOOLS_ONLY", { by: "olga" });
    expect(await bench.plane.engine.decide(toolCall(name))).toMatchObject({ effect: "block", cause: "mode" });
  });

  it("can be unplugged and plugged, as an agent, a tenant and a tool", async () => {
    const bench = createBench();
    const { controls, engine } = bench.plane;
    const call = toolCall(name, {}, { agent: name, tenant: name });
    for (const kind of ["agent", "tenant", "tool"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await controls.unplug({ kind, id: name }, { by: "olga", reason: "drill" });
      // oxlint-disable-next-line no-await-in-loop
      expect(await engine.decide(call)).toMatchObject({ effect: "block", cause: "unplugged" });
      // oxlint-disable-next-line no-await-in-loop
      await controls.plug({ kind, id: name }, { by: "olga" });
      // oxlint-disable-next-line no-await-in-loop
      expect(await engine.decide(call)).toMatchObject({ effect: "allow" });
    }
  });

  it("is no kind of rule, mode, hookpoint, trigger or window of a policy", async () => {
    const { engine } = createBench().plane;
    // As a file may say it.
    const loaded =
      (policy: string): (() => unknown) =>
      () =>
        engine.addPolicy(JSON.parse(`{ "id": "p", ${policy} }`) as never);
    const key = JSON.stringify(name);
    for (const policy of [
      `"blocking": [{ "rule": ${key} }]`,
      `"selector": { "hookpoints": [${key}] }`,
      `"selector": { ${key}: ["a"] }`,
      `"mode": ${key}`,
      `"blocking": [{ "rule": "rate", "limit": 1, "window": { "calendar": ${key} } }]`,
      `"blocking": [{ "rule": "rate", "limit": 1, "window": "1h", "per": ${key} }]`,
      `"blocking": [{ "rule": "rate", "limit": 1, "window": "1h", ${key}: 1 }]`,
      `"escalation": [{ "trigger": "rate", "after": 1, "within": "1h", "action": { "degrade": { "mode": ${key} } } }]`,
      `"escalation": [{ "trigger": "rate", "after": 1, "within": "1h", "action": { ${key}: {} } }]`,
      `"blocking": [{ "rule": "condition", "where": { ${key}: 1 } }]`,
      `"blocking": [{ "rule": "condition", "where": { "input": { "a": { ${key}: 1 } } } }]`,
      `${key}: {}`,
    ]) {
      expect(loaded(policy)).toThrow();
    }
    expect(engine.policies()).toStrictEqual([]);
  });
});

describe("a turn whose calls are admitted together", () => {
  it("meets a mode and a plug that come between two of them at the next one", async () => {
    const bench = createBench({
      policies: [blocking("p", [rule.rate({ limit: 9, window: "1h", per: "agent" })])],
    });
    const { controls, guard, hooks } = bench.plane;
    let calls = 0;
    hooks.on("before_tool_call", async () => {
      calls++;
      if (calls === 2)
        await controls.degrade({ kind: "agent", id: "bot" }, "READ_ONLY", { by: "olga", reason: "drill" });
      if (calls === 4) await controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "drill" });
    });
    const turn = ["update", "update", "search", "search"].map((name) => toolCall(name));
    const admitted = await guard.admitBatch(turn);
    expect(admitted.map(({ status, decision }) => `${status} ${decision.cause}`)).toStrictEqual([
      "admitted default",
      "blocked mode",
      "admitted default",
      "blocked unplugged",
    ]);
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 2, held: 0 });
  });
});
