/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, expectTypeOf, it, vi } from "vitest";

import { enforce, policyGuard } from "../../src/enforce/wrap.ts";
import { inject } from "../../src/hooks/hook-patterns.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench } from "../plane/bench.ts";

const CAP = blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })]);
const WHO = { agent: "bot", tenant: "acme" } as const;

function refund(order: string, amount: number): string {
  return `${order}:${amount}`;
}

function refundNamed({ order, amount }: { order: string; amount: number }): string {
  return `${order}:${amount}`;
}

function refundAll(order: string, ...amounts: number[]): string {
  return `${order}:${amounts.join()}`;
}

function greet(who = "you", mark = "!"): string {
  return who + mark;
}

function echo(...given: unknown[]): unknown[] {
  return given;
}

/** Looks at one of the arguments that have no name. */
function capOfArgument(at: number): ReturnType<typeof blocking> {
  return blocking("args", [rule.condition({ where: { input: { [`args[${at}]`]: { gt: 500 } } } })], {
    onError: "allow",
  });
}

describe("enforce", () => {
  it("keeps the type, the name, the length and a synchronous function synchronous", () => {
    const { plane } = createBench({ policies: [CAP] });
    const governed = enforce(plane.guard, refund, { ...WHO, parameters: ["order", "amount"] });
    expectTypeOf(governed).toEqualTypeOf<typeof refund>();
    expect(governed("o1", 5)).toBe("o1:5");
    expect([governed.name, governed.length]).toStrictEqual(["refund", 2]);
  });

  it("inspects positional arguments under their names", () => {
    const { plane } = createBench({ policies: [CAP] });
    const governed = enforce(plane.guard, refund, { ...WHO, parameters: ["order", "amount"] });
    expect(() => governed("o1", 501)).toThrow(
      expect.objectContaining({ code: "policy_blocked", policyId: "cap" }),
    );
  });

  it("inspects named arguments", () => {
    const { plane } = createBench({ policies: [CAP] });
    const governed = enforce(plane.guard, refundNamed, { ...WHO, tool: "refund" });
    expect(governed({ order: "o1", amount: 5 })).toBe("o1:5");
    expect(() => governed({ order: "o1", amount: 501 })).toThrow(
      expect.objectContaining({ policyId: "cap" }),
    );
  });

  it("inspects positional arguments without names, and those beyond the named ones", () => {
    const first = createBench({ policies: [capOfArgument(1)] });
    expect(() => enforce(first.plane.guard, refund, WHO)("o1", 501)).toThrow(
      expect.objectContaining({ policyId: "args" }),
    );
    const second = createBench({ policies: [capOfArgument(0)] });
    const governed = enforce(second.plane.guard, refundAll, { ...WHO, tool: "some", parameters: ["order"] });
    expect(governed("o1", 5, 6)).toBe("o1:5,6");
    expect(() => governed("o1", 501, 6)).toThrow(expect.objectContaining({ policyId: "args" }));
  });

  it("executes the value that was decided, not what a getter says the second time", () => {
    const { plane } = createBench({ policies: [CAP] });
    let reads = 0;
    const seen: unknown[] = [];
    const governed = enforce(plane.guard, (input: { amount: number }) => void seen.push(input.amount), {
      ...WHO,
      tool: "refund",
    });
    governed({
      get amount() {
        return reads++ === 0 ? 5 : 5_000;
      },
    });
    expect(seen).toStrictEqual([5]);
  });

  it("keeps this", () => {
    const { plane } = createBench();
    const shop = {
      name: "acme",
      greet(who: string): string {
        return `${this.name} greets ${who}`;
      },
    };
    shop.greet = enforce(plane.guard, shop.greet, WHO);
    expect(shop.greet("ann")).toBe("acme greets ann");
  });

  it("leaves out what was left out, so that defaults apply", () => {
    const { plane } = createBench();
    const governed = enforce(plane.guard, greet, { ...WHO, tool: "greet", parameters: ["who", "mark"] });
    expect(governed()).toBe("you!");
    expect(governed("ann")).toBe("ann!");
    expect(governed(undefined, "?")).toBe("you?");
    expect(enforce(plane.guard, greet, WHO)(undefined, "?")).toBe("you?");
  });

  it("passes null, arrays, nested objects and many arguments unchanged", () => {
    const { plane } = createBench();
    for (const parameters of [undefined, ["a"], ["a", "b", "c", "d"]]) {
      const governed = enforce(plane.guard, echo, {
        ...WHO,
        tool: "echo",
        ...(parameters && { parameters }),
      });
      expect(governed(null, [1, [2]], { a: { b: 1 } })).toStrictEqual([null, [1, [2]], { a: { b: 1 } }]);
      expect(governed([1, 2])).toStrictEqual([[1, 2]]);
      expect(governed()).toStrictEqual([]);
    }
  });

  it("gives the arguments as a policy rewrote them", () => {
    const { plane } = createBench({
      policies: [blocking("r", [rule.redact({ fields: ["note"], from: ["input"] })])],
    });
    const governed = enforce(plane.guard, refund, { ...WHO, tool: "echo", parameters: ["note", "count"] });
    expect(governed("secret", 2)).toBe("[REDACTED]:2");
  });

  it("redacts the result, and throws the function's own errors as they are", async () => {
    const { plane } = createBench({ policies: [blocking("r", [rule.redact({ fields: ["ssn"] })])] });
    const find = enforce(plane.guard, async () => Promise.resolve({ ssn: "123", id: 1 }), {
      ...WHO,
      tool: "find",
    });
    expect(await find()).toStrictEqual({ ssn: "[REDACTED]", id: 1 });
    const error = new TypeError("mine");
    const failing = enforce(
      plane.guard,
      () => {
        throw error;
      },
      { ...WHO, tool: "failing" },
    );
    expect(failing).toThrow(error);
  });

  it("gives an argument that a hook added, under its name", () => {
    const { plane } = createBench();
    plane.hooks.on("before_tool_call", inject({ mark: "?" }));
    const governed = enforce(plane.guard, greet, { ...WHO, parameters: ["who", "mark"] });
    expect(governed("ann")).toBe("ann?");
    expect(governed()).toBe("you?");
  });

  it("runs nothing where the decided input says what no argument could carry", () => {
    const { plane } = createBench();
    const run = vi.fn<typeof echo>(echo);
    const remove = plane.hooks.on("before_tool_call", inject({ tenantId: "acme" }));
    for (const parameters of [undefined, ["a"]]) {
      const governed = enforce(plane.guard, run, { ...WHO, tool: "echo", ...(parameters && { parameters }) });
      expect(() => governed(5)).toThrow(/"tenantId", and no argument carries it/);
    }
    remove();
    plane.hooks.on("before_tool_call", () => ({ input: { args: 900 } }));
    expect(() => enforce(plane.guard, run, { ...WHO, tool: "echo" })(5)).toThrow(/"args" that is no list/);
    expect(run).not.toHaveBeenCalled();
  });

  it("leaves named arguments at their place when more are added behind them", () => {
    const { plane } = createBench();
    plane.hooks.on("before_tool_call", ({ tool }) => ({ input: { ...Object(tool?.input), args: [7] } }));
    const governed = enforce(plane.guard, echo, { ...WHO, tool: "echo", parameters: ["a", "b"] });
    expect(governed(1)).toStrictEqual([1, undefined, 7]);
  });

  it("refuses a generator, whose work begins when its call has already ended", () => {
    const { plane } = createBench();
    function* rows(): Generator<number> {
      yield 1;
    }
    async function* pages(): AsyncGenerator<number> {
      yield await Promise.resolve(1);
    }
    expect(() => enforce(plane.guard, rows, WHO)).toThrow(/guard\.toolRun/);
    expect(() => enforce(plane.guard, pages, WHO)).toThrow(/guard\.toolRun/);
  });

  it("refuses what a plain function returns to be gone through after its call has ended", async () => {
    const bench = createBench();
    const touched = vi.fn<() => void>();
    async function* pages(): AsyncGenerator<number> {
      touched();
      yield await Promise.resolve(1);
    }
    const stream = new ReadableStream({ pull: touched }, { highWaterMark: 0 });
    const lazy: readonly (() => unknown)[] = [
      pages,
      () => stream,
      () => new Map([[1, 2]]).values(),
      () => ({ [Symbol.asyncIterator]: pages }),
    ].map((make) => () => make());
    for (const make of lazy) {
      const soon = async (): Promise<unknown> => Promise.resolve(make());
      expect(enforce(bench.plane.guard, make, { ...WHO, tool: "search" })).toThrow(/guard\.toolRun/);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(enforce(bench.plane.guard, soon, { ...WHO, tool: "search" })()).rejects.toThrow(
        expect.objectContaining({ code: "usage_invalid" }),
      );
    }
    expect(touched).not.toHaveBeenCalled();
    expect(new Set(bench.outcomes().map(({ outcome }) => outcome))).toStrictEqual(new Set(["failed"]));
  });

  it.for<[string, unknown, unknown, unknown, RegExp]>([
    ["a plane in place of its guard", {}, refund, WHO, /pass plane\.guard/],
    ["no function", undefined, undefined, WHO, /the function must be a function, not undefined/],
    ["no options", undefined, refund, undefined, /options must be an object/],
    [
      "a misspelt option",
      undefined,
      refund,
      { ...WHO, tennant: "x" },
      /no option "tennant"; did you mean "tenant"/,
    ],
    ["the option of requirePolicy", undefined, refund, { ...WHO, policyId: "cap" }, /no option "policyId"/],
    [
      "the onBlock of another library",
      undefined,
      refund,
      { ...WHO, onBlock: "log" },
      /onBlock.*must be a function/,
    ],
    [
      "a call id that is no function",
      undefined,
      refund,
      { ...WHO, callId: "c1" },
      /callId must be a function/,
    ],
    [
      "parameters in one text",
      undefined,
      refund,
      { ...WHO, parameters: "order" },
      /must be a list, not a text/,
    ],
  ])("says at once what is wrong with %s", ([, guard, fn, options, message]) => {
    const { plane } = createBench();
    // What callers without types hand in.
    const wrap = (): unknown => Reflect.apply(policyGuard, undefined, [guard ?? plane.guard, fn, options]);
    expect(wrap).toThrow(message);
    expect(wrap).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  });

  it("refuses an anonymous function, and parameter names that would hide an argument", () => {
    const { plane } = createBench();
    expect(() => enforce(plane.guard, () => 1, WHO)).toThrow(
      expect.objectContaining({ code: "usage_invalid" }),
    );
    const of = (parameters: readonly string[]) => () => enforce(plane.guard, refund, { ...WHO, parameters });
    expect(of(["amount", "amount"])).toThrow(expect.objectContaining({ code: "usage_invalid" }));
    expect(of(["order", "args"])).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  });

  it("protects against a replay where the caller names the call", () => {
    const { plane } = createBench();
    const governed = enforce(plane.guard, refund, { ...WHO, callId: (order) => order });
    expect(governed("o1", 5)).toBe("o1:5");
    expect(() => governed("o1", 5)).toThrow(
      expect.objectContaining({ data: expect.objectContaining({ cause: "already_executed" }) }),
    );
    expect(governed("o2", 5)).toBe("o2:5");
  });
});

describe("policyGuard", () => {
  it("gives what onBlock returns in place of the result, and does not run the function", () => {
    const { plane } = createBench({ policies: [CAP] });
    const run = vi.fn<typeof refund>(refund);
    const governed = policyGuard(plane.guard, run, {
      ...WHO,
      tool: "refund",
      parameters: ["order", "amount"],
      onBlock: ({ message }) => `denied: ${message}`,
    });
    expect(governed("o1", 501)).toMatch(/^denied: /);
    expect(run).not.toHaveBeenCalled();
    expect(governed("o1", 5)).toBe("o1:5");
  });

  it("hears of a pending approval too", () => {
    const { plane } = createBench({
      approvals: { resolver: "external" },
      policies: [blocking("ask", [rule.condition({ where: { tool: "refund" }, then: "escalate" })])],
    });
    const governed = policyGuard(plane.guard, refund, { ...WHO, onBlock: ({ status }) => status });
    expect(governed("o1", 5)).toBe("pending");
  });
});
