/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

describe("content that is not JSON", () => {
  const opaque = { items: new Map([["a", 1]]) };

  it.each([
    ["search", "allow"],
    ["fetch_page", "block"],
    ["update", "block"],
    ["run_code", "block"],
    ["undeclared", "block"],
  ] as const)("for %s: %s", async (tool, effect) => {
    const { plane } = createBench({ policies: [blocking("a", [rule.denylist({ tools: ["other"] })])] });
    const decision = await plane.engine.decide(toolCall(tool, opaque));
    expect([decision.effect, decision.cause]).toStrictEqual([
      effect,
      effect === "block" ? "opaque_content" : "default",
    ]);
    // Where no rule in force looks at the call there is nothing that it could hide from.
    const shadow = { ...blocking("a", [rule.denylist({ tools: ["*"] })]), mode: "shadow" as const };
    for (const policies of [[], [shadow]])
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      expect(await createBench({ policies }).plane.engine.decide(toolCall(tool, opaque))).toMatchObject({
        effect: "allow",
      });
  });

  it("is refused where a hook could look at the call, or the operator has said so", async () => {
    const hooked = createBench({ policies: [] }).plane;
    hooked.hooks.on("before_tool_call", () => undefined);
    const strict = createBench({ policies: [], onOpaque: "block" }).plane;
    for (const plane of [hooked, strict])
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      expect(await plane.engine.decide(toolCall("update", opaque))).toMatchObject({
        cause: "opaque_content",
      });
  });

  it.each(["allow", "block"] as const)("follows onOpaque: %s for every tool", async (onOpaque) => {
    const { plane } = createBench({ onOpaque });
    expect(await plane.engine.decide(toolCall("search", opaque))).toMatchObject({ effect: onOpaque });
    expect(await plane.engine.decide(toolCall("update", opaque))).toMatchObject({ effect: onOpaque });
  });

  it("is handed to the call as the very value", async () => {
    const { plane } = createBench();
    let seen: unknown;
    const run = ({ input }: { readonly input: unknown }): void => void (seen = input);
    await plane.guard.toolCall({ context: plane.guard.context(toolCall("search", opaque)), run });
    expect((seen as typeof opaque).items).toBe(opaque.items);
  });

  it("cannot be approved: nothing binds a person's yes to it", async () => {
    const { plane } = createBench({
      approvals: { resolver: "external" },
      policies: [blocking("a", [rule.condition({ where: { tool: "search" }, then: "escalate" })])],
    });
    expect(await plane.engine.decide(toolCall("search", opaque))).toMatchObject({
      effect: "block",
      cause: "opaque_content",
    });
  });

  it("that carries no text, such as a date, is no reason to block, but no approval can be bound to it either", async () => {
    const { plane } = createBench({ policies: [], approvals: { resolver: "external" } });
    expect(await plane.engine.decide(toolCall("update", { at: new Date(0) }))).toMatchObject({
      effect: "allow",
    });
    await plane.controls.degrade({ kind: "global" }, "HUMAN_LOOP", { by: "olga" });
    expect(await plane.engine.decide(toolCall("update", { at: new Date(0) }))).toMatchObject({
      cause: "opaque_content",
    });
  });

  it("cannot be forged by data that looks like it", async () => {
    const { plane } = createBench();
    expect(await plane.engine.decide(toolCall("update", { items: { $opaque: "Map" } }))).toMatchObject({
      effect: "allow",
    });
  });
});

describe("content that cannot be read", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;

  it.each([
    ["circular", circular],
    ["10 MB", { text: "x".repeat(10 * 1024 * 1024) }],
    [
      "a getter that throws",
      Object.defineProperty({}, "x", { enumerable: true, get: () => JSON.parse("{") }),
    ],
  ])("is refused with a clear error: %s", async (_name, input) => {
    const { plane } = createBench();
    await expect(plane.engine.evaluate(toolCall("update", input))).rejects.toMatchObject({
      code: "content_refused",
    });
    expect(() => plane.guard.context(toolCall("update", input))).toThrow(
      expect.objectContaining({ code: "content_refused" }),
    );
  });

  it("as a result is withheld: the call is settled and recorded all the same", async () => {
    const bench = createBench({ policies: [blocking("r", [rule.redact({ fields: ["ssn"] })])] });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run: () => circular,
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "content_refused" } });
    expect(outcome).toMatchObject({ message: expect.stringContaining("WAS executed") });
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });

  it("as a result passes untouched where nothing looks at it", async () => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => circular,
    });
    expect(outcome).toMatchObject({ status: "ran" });
    expect((outcome as { result: unknown }).result).toBe(circular);
  });
});

it("a __proto__ key in an input is data: nothing is polluted and it reaches the tool as a key of its own", async () => {
  const { plane } = createBench();
  const input: unknown = JSON.parse('{"__proto__":{"isAdmin":true},"q":1}');
  let seen: unknown;
  await plane.guard.toolCall({
    context: plane.guard.context(toolCall("search", input)),
    run: (admitted) => void (seen = admitted.input),
  });
  expect(Object.hasOwn(seen as object, "__proto__")).toBe(true);
  expect((seen as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

it("what was decided is what runs: a getter is read once and later changes do not reach the call", async () => {
  const { plane } = createBench({
    policies: [blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })])],
  });
  let reads = 0;
  const input = {
    get amount() {
      return reads++ === 0 ? 5 : 5_000;
    },
    items: [1],
  };
  const context = plane.guard.context(toolCall("update", input));
  input.items.push(2);
  let seen: unknown;
  await plane.guard.toolCall({ context, run: (admitted) => void (seen = admitted.input) });
  expect(seen).toStrictEqual({ amount: 5, items: [1] });
});
