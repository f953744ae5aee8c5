import { describe, expect, it } from "vitest";

import { PolicyBlocked } from "../../src/decision/policy-error.ts";
import { createContext, type ContextInit } from "../../src/context/create-context.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const contextOf = (init: ContextInit): ReturnType<typeof createContext> => createContext(init, 0);

describe("engine.attach", () => {
  it("is one line and really blocks, before and after the action", async () => {
    const { plane } = createBench({
      policies: [
        blocking("p", [rule.denylist({ tools: ["update"] })]),
        blocking("q", [rule.condition({ where: { result: { paid: true } } })]),
      ],
    });
    const hooks = new HookRegistry();
    plane.engine.attach(hooks);
    const run = async (init: ContextInit): Promise<unknown> => hooks.run(contextOf(init));
    await expect(run(toolCall("update"))).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(
      run({ ...toolCall("search"), hookpoint: "after_tool_call", result: { paid: true } }),
    ).rejects.toMatchObject({
      policyId: "q",
    });
    await expect(run(toolCall("search"))).resolves.toMatchObject({ tool: { name: "search" } });
  });

  it("keeps every identity field that the context came with", async () => {
    const { plane } = createBench();
    const hooks = new HookRegistry();
    plane.engine.attach(hooks);
    const context = contextOf(
      toolCall(
        "search",
        { q: 1 },
        {
          user: "ann",
          callId: "c1",
          tags: { env: "prod" },
          agent: { id: "bot", runId: "r", ancestors: ["boss"] },
        },
      ),
    );
    expect(await hooks.run(context)).toStrictEqual(context);
  });

  it("hands back the input as policies rewrote it, and the result as they redacted it", async () => {
    const { plane } = createBench({
      policies: [blocking("r", [rule.redact({ fields: ["ssn"], from: ["input", "result"] })])],
    });
    const hooks = new HookRegistry();
    plane.engine.attach(hooks);
    expect(await hooks.run(contextOf(toolCall("search", { ssn: "1" })))).toMatchObject({
      tool: { input: { ssn: "[REDACTED]" } },
    });
    const after = { ...toolCall("search"), hookpoint: "after_tool_call", result: { ssn: "1" } };
    expect(await hooks.run(contextOf(after))).toMatchObject({ result: { ssn: "[REDACTED]" } });
  });

  it("runs after every hook, also one registered later: it decides what is executed", async () => {
    const { plane } = createBench({
      policies: [blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })])],
    });
    const hooks = new HookRegistry();
    plane.engine.attach(hooks);
    hooks.on("before_tool_call", () => ({ input: { amount: 900 } }), { order: 10_000 });
    await expect(
      Promise.resolve().then(() => hooks.run(contextOf(toolCall("update", { amount: 5 })))),
    ).rejects.toMatchObject({
      policyId: "cap",
    });
  });

  it("counts what it lets through, and leaves nothing held", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h" })])] });
    const hooks = new HookRegistry();
    const detach = bench.plane.engine.attach(hooks);
    await hooks.run(contextOf(toolCall("search")));
    expect(() => hooks.run(contextOf(toolCall("search")))).toThrow(PolicyBlocked);
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 1, held: 0 });
    detach();
    await hooks.run(contextOf(toolCall("search")));
    expect(bench.decisions()).toHaveLength(2);
  });

  it("refuses the plane's own registry, which Guard runs before the engine", () => {
    const { plane } = createBench();
    expect(() => plane.engine.attach(plane.hooks)).toThrow("attach a registry of your own");
  });
});

describe("the plane's own hooks", () => {
  it("run before the engine: what they change is what is decided, executed and recorded", async () => {
    const { plane } = createBench({
      policies: [blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })])],
    });
    plane.hooks.on("before_tool_call", ({ tool }) =>
      tool?.name === "search" ? { input: { amount: 5 } } : { input: { amount: 900 } },
    );
    const small = await plane.guard.admit(plane.guard.context(toolCall("search", { amount: 900 })));
    expect(small).toMatchObject({ status: "admitted", input: { amount: 5 }, isInputChanged: true });
    expect(await plane.guard.admit(plane.guard.context(toolCall("update", { amount: 5 })))).toMatchObject({
      decision: { policyId: "cap" },
    });
  });

  it("that block are a decision on the record, with their own cause", async () => {
    const bench = createBench();
    bench.plane.hooks.on("before_tool_call", () => ({ block: "no refunds today" }), { id: "holiday" });
    const denied = await bench.plane.guard.admit(bench.plane.guard.context(toolCall("update")));
    expect(denied).toMatchObject({ status: "blocked", decision: { cause: "hook" } });
    expect((denied as { decision: { reason: string } }).decision.reason).toContain("no refunds today");
    expect(bench.decisions()).toMatchObject([{ decision: { cause: "hook" } }]);
    expect(bench.controls("hook")).toMatchObject([{ by: "holiday", data: { outcome: "blocked" } }]);
  });

  it("that block are told to those who watch for blocks", async () => {
    const bench = createBench({
      policies: [{ id: "watch", nonBlocking: [rule.alert({ on: ["block"], channel: "log" })] }],
    });
    bench.plane.hooks.on("before_tool_call", () => ({ block: "no" }));
    await bench.plane.guard.admit(bench.plane.guard.context(toolCall("update")));
    await bench.plane.flush();
    expect(JSON.stringify(bench.ports.logger.entries)).toContain("blocked");
  });

  it("that throw or hang block the call", async () => {
    const { plane, ports } = createBench();
    const remove = plane.hooks.on("before_tool_call", () => {
      throw new Error("secret-argument");
    });
    const denied = await plane.guard.admit(plane.guard.context(toolCall("update")));
    expect(denied).toMatchObject({ status: "blocked", decision: { cause: "hook" } });
    expect(JSON.stringify(denied)).not.toContain("secret-argument");
    remove();
    plane.hooks.on("before_tool_call", () => new Promise(() => undefined), { timeoutMs: 100 });
    const hanging = plane.guard.admit(plane.guard.context(toolCall("update")));
    await ports.clock.advanceAsync(100);
    expect(await hanging).toMatchObject({ status: "blocked", decision: { cause: "hook" } });
  });

  it("after the action change and withhold results; the call is settled all the same", async () => {
    const bench = createBench({ policies: [blocking("r", [rule.redact({ fields: ["ssn"] })])] });
    bench.plane.hooks.on("after_tool_call", ({ tool }) =>
      tool?.name === "search" ? { result: { ssn: "1", added: 1 } } : { block: "no" },
    );
    const call = (name: string): unknown =>
      bench.plane.guard.toolCall({
        context: bench.plane.guard.context(toolCall(name)),
        run: () => ({ x: 1 }),
      });
    expect(await call("search")).toMatchObject({ status: "ran", result: { ssn: "[REDACTED]", added: 1 } });
    expect(await call("update")).toMatchObject({
      status: "blocked",
      decision: { cause: "hook" },
      message: expect.stringContaining("WAS executed"),
    });
    expect(bench.outcomes().map(({ outcome }) => outcome)).toStrictEqual(["ran", "withheld"]);
  });
});
