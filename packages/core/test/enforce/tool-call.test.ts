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

function messageOf(content: string): Message {
  return { id: "m1", content };
}

function unreadable(): never {
  throw new TypeError("no usage");
}

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
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: () => ++runs,
    });
    expect(outcome).toMatchObject({
      status: "blocked",
      error: { code: "policy_blocked" },
      message: expect.any(String),
    });
    expect(runs).toBe(0);
  });

  it("reads and rewrites a framework's own result through its codec", async () => {
    const { plane } = createBench({ policies: [REDACT] });
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => messageOf('{"ssn":"123","ok":1}'),
      result: codec,
    });
    expect(outcome).toMatchObject({ result: { id: "m1", content: '{"ssn":"[REDACTED]","ok":1}' } });
  });

  it("gives back the very result where nothing looks at it", async () => {
    const { plane } = createBench();
    const result = { ok: 1 };
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => result,
    });
    expect((outcome as { result: unknown }).result).toBe(result);
  });

  it("gives back what was judged where something looks at it, not what a getter says later", async () => {
    const { plane } = createBench({ policies: [REDACT] });
    let reads = 0;
    const result = {
      ok: 1,
      get note() {
        return reads++ === 0 ? "harmless" : "secret";
      },
    };
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => result,
    });
    expect((outcome as { result: unknown }).result).toEqual({ ok: 1, note: "harmless" });
  });

  it("withholds a result that its codec cannot read; the call is settled and recorded", async () => {
    const bench = createBench({ policies: [REDACT] });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run: () => messageOf("{"),
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
    for (const run of [() => "hi", () => Promise.resolve("hi")]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const outcome = await bench.plane.guard.modelCall({
        context: bench.plane.guard.context(modelCall()),
        run,
        usage: unreadable,
      });
      expect(outcome).toMatchObject({ status: "ran", result: "hi" });
    }
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "tokenBudget",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 200, held: 0 });
    expect(bench.outcomes()).toHaveLength(2);
    expect(bench.ports.logger.messages("error")).toHaveLength(2);
  });

  it("judges what the framework reports as an error value, and lets it be tried again", async () => {
    const bench = createBench();
    const context = bench.plane.guard.context(toolCall("search", {}, { callId: "c1" }));
    const call = {
      context,
      run: () => ({ isError: true }),
      isError: (result: { isError: boolean }) => result.isError,
    };
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
    expect(await bench.plane.guard.toolCall({ ...call, run: () => ({ isError: false }) })).toMatchObject({
      status: "ran",
    });
    expect(await bench.plane.guard.toolCall(call)).toMatchObject({ decision: { cause: "already_executed" } });
  });

  it("a policy at the result withholds it, and says that the action happened", async () => {
    const bench = createBench({
      policies: [blocking("p", [rule.condition({ where: { result: { paid: true } } })])],
    });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: () => ({ paid: true }),
    });
    expect(outcome).toMatchObject({
      status: "blocked",
      decision: { hookpoint: "after_tool_call", policyId: "p" },
    });
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
    expect(() => plane.guard.complete({ ...admission }, { status: "ran", result: 1 })).toThrow(
      "not an admission",
    );
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
