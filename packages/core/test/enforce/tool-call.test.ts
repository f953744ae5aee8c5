import { describe, expect, it } from "vitest";

import type { ResultCodec } from "../../src/enforce/complete.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall } from "../plane/bench.ts";

interface Message {
  readonly id: string;
  readonly content: string;
}

const codec: ResultCodec<Message> = {
  read: ({ content }) => JSON.parse(content) as unknown,
  write: (message, content) => ({ ...message, content: JSON.stringify(content) }),
};

const REDACT = blocking("r", [rule.redact({ fields: ["ssn"] })]);

describe("toolCall", () => {
  it("runs an allowed call and gives its result with the decision that admitted it", () => {
    const { plane } = createBench();
    const outcome = plane.guard.toolCall({ context: plane.guard.context(toolCall("search")), run: () => 42 });
    expect(outcome).toMatchObject({ status: "ran", result: 42, decision: { effect: "allow" } });
  });

  it("never runs a blocked one", async () => {
    const { plane } = createBench({ policies: [blocking("p", [rule.denylist({ tools: ["update"] })])] });
    let runs = 0;
    const outcome = await plane.guard.toolCall({ context: plane.guard.context(toolCall("update")), run: () => ++runs });
    expect(outcome).toMatchObject({ status: "blocked", error: { code: "policy_blocked" }, message: expect.any(String) });
    expect(runs).toBe(0);
  });

  it("reads and rewrites a framework's own result through its codec", async () => {
    const { plane } = createBench({ policies: [REDACT] });
    const run = (): Message => ({ id: "m1", content: '{"ssn":"123","ok":1}' });
    const outcome = await plane.guard.toolCall({ context: plane.guard.context(toolCall("search")), run, result: codec });
    expect(outcome).toMatchObject({ result: { id: "m1", content: '{"ssn":"[REDACTED]","ok":1}' } });
  });

  it("gives back the very result where nothing was changed", async () => {
    const { plane } = createBench({ policies: [REDACT] });
    const result = { ok: 1 };
    const outcome = await plane.guard.toolCall({ context: plane.guard.context(toolCall("search")), run: () => result });
    expect((outcome as { result: unknown }).result).toBe(result);
  });

  it("withholds a result that its codec cannot read; the call is settled and recorded", async () => {
    const bench = createBench({ policies: [REDACT] });
    const run = (): Message => ({ id: "m1", content: "{" });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run,
      result: codec,
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "content_refused" } });
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });

  it("settles at the estimate when reading the usage throws: the call has happened", async () => {
    const bench = createBench({
      tokenizer: { countTokens: () => 10 },
      policies: [blocking("p", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })])],
    });
    const unreadable = (): never => {
      throw new TypeError("no usage");
    };
    for (const run of [() => "hi", () => Promise.resolve("hi")]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const outcome = await bench.plane.guard.modelCall({
        context: bench.plane.guard.context(modelCall()),
        run,
        usage: unreadable,
      });
      expect(outcome).toMatchObject({ status: "ran", result: "hi" });
    }
    const [state] = await bench.plane.limits.read({ policyId: "p", ruleId: "tokenBudget", agent: "bot", tenant: "acme" });
    expect(state).toMatchObject({ used: 200, held: 0 });
    expect(bench.outcomes()).toHaveLength(2);
    expect(bench.ports.logger.messages("error")).toHaveLength(2);
  });

  it("judges what the framework reports as an error value, and lets it be tried again", async () => {
    const bench = createBench();
    const context = bench.plane.guard.context(toolCall("search", {}, { callId: "c1" }));
    const call = { context, run: () => ({ isError: true }), isError: (result: { isError: boolean }) => result.isError };
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
    expect(await bench.plane.guard.toolCall({ ...call, run: () => ({ isError: false }) })).toMatchObject({ status: "ran" });
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ decision: { cause: "already_executed" } });
  });

  it("a policy at the result withholds it, and says that the action happened", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.condition({ where: { result: { paid: true } } })])] });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: () => ({ paid: true }),
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { hookpoint: "after_tool_call", policyId: "p" } });
    expect(outcome).toMatchObject({ message: expect.stringMatching(/update WAS executed.*Do not repeat/) });
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld", after: { policyId: "p" } }]);
  });
});

describe("an admission", () => {
  it("ends exactly once, and only at the Guard that gave it", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(plane.guard.context(toolCall("search")));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await plane.guard.complete(admission, { status: "ran", result: 1 });
    expect(() => plane.guard.complete(admission, { status: "ran", result: 1 })).toThrow("already ended");
    expect(() => plane.guard.complete({ ...admission }, { status: "ran", result: 1 })).toThrow("not an admission");
  });

  it("is found again by its call while it runs, and not afterwards", async () => {
    const { plane } = createBench();
    const context = plane.guard.context(toolCall("search", {}, { callId: "c1" }));
    const admission = await plane.guard.admit(context);
    if (admission.status !== "admitted") throw new Error("not admitted");
    expect(plane.guard.admission("c1")).toBe(admission);
    await plane.guard.complete(admission, { status: "ran", result: 1 });
    expect(plane.guard.admission("c1")).toBeUndefined();
  });

  it("gives a fresh copy of the input each time: a tool that changes it changes nothing else", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(plane.guard.context(toolCall("search", { list: [1] })));
    if (admission.status !== "admitted") throw new Error("not admitted");
    (admission.input as { list: number[] }).list.push(2);
    expect(admission.input).toStrictEqual({ list: [1] });
    expect(admission.context.tool?.input).toMatchObject({ list: [1] });
  });
});

describe("a kill in the middle of a call", () => {
  const bot = { kind: "agent", id: "bot" } as const;
  const STOP = { by: "olga", reason: "drill" };

  it("fires the call's signal with the error that says why, and blocks the outcome", async () => {
    const bench = createBench();
    let reason: unknown;
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            ({ reason } = signal);
            reject(new Error("aborted"));
          });
          void bench.plane.controls.unplug(bot, STOP);
        }),
    });
    expect(reason).toMatchObject({ code: "policy_blocked", reason: expect.stringContaining("drill") });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });

  it("leaves a tool behind that ignores its signal, and discards what it gives later", async () => {
    const bench = createBench();
    let finish = (_value: string): void => undefined;
    const running = bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: () => new Promise<string>((resolve) => (finish = resolve)),
    });
    await bench.plane.controls.unplug(bot, STOP);
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    finish("secret");
    await bench.plane.flush();
    expect(bench.outcomes()).toHaveLength(1);
    expect(JSON.stringify(bench.records)).not.toContain("secret");
  });

  it("of a parent cuts what its children run", async () => {
    const bench = createBench();
    const running = bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search", {}, { agent: "boss" })),
      run: () =>
        bench.plane.guard.toolCall({
          context: bench.plane.guard.context(toolCall("update", {}, { agent: "kid" })),
          run: () => new Promise<never>(() => undefined),
        }),
    });
    await bench.plane.controls.unplug({ kind: "agent", id: "boss" }, STOP);
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    await bench.plane.flush();
    expect(bench.outcomes().map(({ identity, outcome }) => [identity.agent, outcome]).toSorted()).toStrictEqual([
      ["boss", "withheld"],
      ["kid", "withheld"],
    ]);
  });

  it("cuts nobody else", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(plane.guard.context(toolCall("search", {}, { agent: "other" })));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await plane.controls.unplug(bot, STOP);
    expect(admission.signal.aborted).toBe(false);
    await plane.controls.unplug({ kind: "tool", id: "search" }, STOP);
    expect(admission.signal.aborted).toBe(true);
  });

  it("is seen by a signal that is only asked for afterwards", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(plane.guard.context(toolCall("search")));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await plane.controls.unplug(bot, STOP);
    expect(admission.signal.aborted).toBe(true);
  });

  it("before the result came back withholds a result that was already there", async () => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: () => {
        void plane.controls.unplug(bot, STOP);
        return "secret";
      },
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
  });
});

describe("visibleTools", () => {
  const named = (...names: string[]): readonly { readonly name: string }[] => names.map((name) => ({ name }));

  it("hides what no input could make allowed, and keeps what an input decides", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [
          rule.denylist({ tools: ["delete_*"] }),
          rule.condition({ where: { tool: "refund", input: { amount: { gt: 5 } } } }),
          rule.rate({ limit: 0, window: "1h" }),
        ]),
      ],
    });
    const context = bench.plane.guard.context(modelCall());
    expect(await bench.plane.guard.visibleTools(named("search", "delete_all", "refund"), context)).toStrictEqual(
      named("search", "refund"),
    );
    expect(bench.records.filter(({ kind }) => kind !== "control")).toStrictEqual([]);
  });

  it("under a closed default shows what an allowlist names", async () => {
    const { plane } = createBench({
      defaultEffect: "block",
      policies: [blocking("p", [rule.allowlist({ tools: ["search"] })])],
    });
    expect(await plane.guard.visibleTools(named("search", "update"), plane.guard.context(modelCall()))).toStrictEqual(
      named("search"),
    );
  });

  it("gives back the very list where everything is visible, and nothing of an unplugged agent", async () => {
    const { plane } = createBench();
    const tools = named("a", "b");
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toBe(tools);
    await plane.controls.unplug({ kind: "tool", id: "a" }, { by: "olga", reason: "x" });
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toStrictEqual(named("b"));
    await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "x" });
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toStrictEqual([]);
  });
});
