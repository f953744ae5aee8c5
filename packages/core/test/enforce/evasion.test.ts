import * as z from "zod";
import { describe, expect, it } from "vitest";

import type { RuleAnswer } from "../../src/decision/answer.ts";
import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import { tupleKey } from "../../src/context/call-key.ts";
import type { AgentPlane } from "../../src/plane.ts";
import { defineRule, type RuleKind } from "../../src/rules/rule.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createBench, modelCall, toolCall, type CallChange } from "../plane/bench.ts";

/** A kind that answers what the test says. */
function custom(check: () => MaybePromise<RuleAnswer | undefined>): RuleKind {
  return defineRule({
    kind: "custom",
    summary: "Answers what the test says.",
    timing: "blocking",
    hookpoints: ["before_tool_call"],
    params: z.strictObject({}),
    example: {},
    isStateless: false,
    compile: () => ({ check }),
  });
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a kill", () => {
  it("that comes while the decision is being stored stops the call before it starts", async () => {
    let stored = (): void => undefined;
    const bench = createBench({
      audit: {
        append: (record) =>
          record.kind === "decision" ? new Promise((resolve) => (stored = resolve)) : undefined,
        flush() {},
        close() {},
      },
    });
    let runs = 0;
    const outcome = Promise.resolve(
      bench.plane.guard.toolCall({
        context: bench.plane.guard.context(toolCall("update")),
        run: () => ++runs,
      }),
    );
    await settled();
    void bench.plane.controls.unplug({ kind: "all" }, { reason: "stop", by: "ops" });
    stored();
    expect(await outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(runs).toBe(0);
  });
});

describe("a hookpoint", () => {
  it("after the action admits nothing: no limit, list or mode would be asked", async () => {
    const bench = createBench({
      policies: [{ id: "p", blocking: [rule.denylist({ tools: ["update"] })] }],
    });
    const { guard } = bench.plane;
    let runs = 0;
    const call = { context: toolCall("update", {}, { hookpoint: "after_tool_call" }), run: () => ++runs };
    const refusal = expect.objectContaining({ code: "usage_invalid" });
    expect(() => guard.toolCall(call)).toThrow(refusal);
    expect(() => guard.toolRun(call)).toThrow(refusal);
    expect(() => guard.admit(call.context)).toThrow(refusal);
    expect(() => guard.admitBatch([call.context])).toThrow(refusal);
    expect(runs).toBe(0);
  });
});

describe("a name", () => {
  it("in a tool list that looks like a composed key hides no policy from the real tool", async () => {
    const { plane } = createBench({
      policies: [{ id: "p", blocking: [rule.denylist({ tools: ["delete_all"] })] }],
    });
    const hostile = `\uD800${tupleKey(["harmless", "srv", "delete_all"])}`;
    const context = plane.guard.context(modelCall());
    expect(await plane.guard.visibleTools([{ name: hostile }], context)).toEqual([]);
    const renamed = { name: "harmless", server: "srv", originalName: "delete_all", input: {} };
    const decision = plane.engine.decide({ ...toolCall("x"), tool: renamed });
    expect(decision).toMatchObject({ effect: "block", ruleId: "denylist" });
  });
});

describe("parallel calls of one session", () => {
  it("see each other although another rule makes every decision wait", async () => {
    const { plane } = createBench({
      rules: [custom(async () => undefined)],
      policies: [{ id: "p", blocking: [{ rule: "custom" }, rule.idempotency({ window: "1h" })] }],
    });
    let runs = 0;
    const run = () =>
      plane.guard.toolCall({ context: plane.guard.context(toolCall("update", { a: 1 })), run: () => ++runs });
    const outcomes = await Promise.all([run(), run(), run()]);
    expect(runs).toBe(1);
    expect(outcomes.filter(({ status }) => status === "blocked")).toHaveLength(2);
  });
});

describe("a call inside a call", () => {
  type Inner = CallChange & { server?: string; originalName?: string; pin?: string };
  const inside = async (plane: AgentPlane, inner: Inner) => {
    const { server, originalName, pin, ...change } = inner;
    let inwards: unknown;
    await plane.guard.toolCall({
      context: plane.guard.context(toolCall("fetch", { a: 1 }, { callId: "c1" })),
      async run() {
        const context = {
          ...toolCall("fetch", { a: 1 }, { callId: "c1", ...change }),
          tool: { name: "fetch", server, originalName, pin, input: { a: 1 } },
        };
        inwards = await plane.guard.toolCall({ context: plane.guard.context(context), run: () => "ran" });
        return "done";
      },
    });
    return inwards;
  };

  it("joins when it is that very call", async () => {
    expect(await inside(createBench().plane, {})).toMatchObject({ status: "ran" });
  });

  it.each<Inner>([{ server: "evil" }, { originalName: "evil" }, { pin: "sha256:evil" }])(
    "does not join under %o",
    async (other) => {
      expect(await inside(createBench().plane, other)).toMatchObject({ decision: { cause: "in_flight" } });
    },
  );

  it("does not join for another user", async () => {
    expect(await inside(createBench().plane, { user: "mallory" })).toMatchObject({
      decision: { cause: "in_flight" },
    });
  });

  const whole = { id: "grandchild", ancestors: ["root", "child"], runId: "r1" };
  it.each<[string, CallChange, string]>([
    ["whole", { agent: whole }, "allow"],
    ["without the root", { agent: { ...whole, ancestors: ["child"] } }, "block"],
    ["with another root", { agent: { ...whole, ancestors: ["other", "child"] } }, "block"],
    ["without the parent", { agent: { ...whole, ancestors: ["root"] } }, "block"],
    ["in another order", { agent: { ...whole, ancestors: ["child", "root"] } }, "block"],
    ["with none", { agent: { ...whole, ancestors: [] } }, "block"],
    ["in a run of its own", { agent: { ...whole, runId: "r2" } }, "block"],
    ["in no run", { agent: { id: "grandchild", ancestors: ["root", "child"] } }, "block"],
    ["of another tenant", { agent: whole, tenant: "globex" }, "block"],
    ["of no tenant", { agent: whole, tenant: undefined }, "block"],
  ])("is decided by its lineage: %s", async (_name, change, effect) => {
    const { plane } = createBench();
    const nested = async (agent: string, run: () => unknown): Promise<unknown> =>
      plane.guard.toolCall({
        context: plane.guard.context({ ...toolCall("search"), agent: { id: agent, runId: "r1" } }),
        run,
      });
    let inner: unknown;
    await nested("root", async () =>
      nested("child", () => {
        inner = plane.engine.decide(toolCall("search", {}, change));
      }),
    );
    expect(inner).toMatchObject({ effect, ...(effect === "block" && { cause: "lineage_missing" }) });
  });
});

describe("a stream", () => {
  it("waits for the hook after the call, and shows what the hook made of it", async () => {
    const { plane } = createBench();
    plane.hooks.on("after_model_call", () => ({ result: "clean" }));
    const stream = await plane.guard.modelStream({
      context: plane.guard.context(modelCall()),
      async *run() {
        yield { text: "raw " };
        yield { text: "secret" };
      },
      codec: { read: ({ text }) => ({ part: "text", text }), write: (chunk, text) => ({ ...chunk, text }) },
    });
    const shown: string[] = [];
    if (!("status" in stream)) for await (const { text } of stream) shown.push(text);
    expect(shown.join("")).toBe("clean");
  });
});

describe("an error of the call", () => {
  it("shows nothing redacted by its members, its cause or its text", async () => {
    const { plane } = createBench({ policies: [{ id: "p", blocking: [rule.redact({ fields: ["ssn"] })] }] });
    const error = Object.assign(new Error("failed", { cause: { ssn: "123-45-6789" } }), {
      ssn: "123-45-6789",
    });
    const thrown: unknown = await Promise.resolve()
      .then(() =>
        plane.guard.toolCall({
          context: plane.guard.context(toolCall("search")),
          run: () => {
            throw error;
          },
        }),
      )
      .catch((caught: unknown) => caught);
    expect(thrown).toBeInstanceOf(Error);
    expect(thrown).not.toBe(error);
    expect(
      JSON.stringify([Object.entries(thrown as Error), (thrown as Error).cause, String(thrown)]),
    ).not.toContain("6789");
  });

  it("is the very error where nothing was hidden", () => {
    const { plane } = createBench({ policies: [{ id: "p", blocking: [rule.redact({ fields: ["ssn"] })] }] });
    const error = new TypeError("plain");
    const run = () =>
      plane.guard.toolCall({
        context: plane.guard.context(toolCall("search")),
        run: () => {
          throw error;
        },
      });
    expect(run).toThrow(error);
  });
});

describe("a rule", () => {
  it("whose promise is a fake that never answers is out of time, not without an opinion", async () => {
    const fake = { then: () => undefined } as unknown as Promise<RuleAnswer>;
    const bench = createBench({
      rules: [custom(() => fake)],
      policies: [{ id: "p", blocking: [{ rule: "custom" }] }],
    });
    const decided = Promise.resolve(bench.plane.engine.decide(toolCall("search")));
    await bench.ports.clock.advanceAsync(1_000);
    expect(await decided).toMatchObject({ effect: "block", findings: [{ failure: "timeout" }] });
  });

  it("that imposes a redaction before the call has it done on the result", async () => {
    const redact = {
      kind: "redact",
      from: ["result"],
      fields: ["ssn"],
      detect: [],
      treatment: "mask",
    } as const;
    const { plane } = createBench({
      rules: [custom(() => ({ obligations: [redact] }))],
      policies: [{ id: "p", blocking: [{ rule: "custom" }, rule.redact({ fields: ["other"] })] }],
    });
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => ({ ssn: "123-45-6789" }),
    });
    expect(outcome).toMatchObject({ status: "ran", result: { ssn: "[REDACTED]" } });
  });
});
