import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { JsonValue } from "../../src/base/json.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

/** A user's rule that replaces one value of the input. */
const setValue = defineRule({
  kind: "setValue",
  summary: "Replaces a value of the input.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({ path: z.string(), value: z.json() }),
  example: { path: "$.limit", value: 10 },
  isStateless: true,
  compile: ({ path, value }) => ({
    // What zod calls JSON is what we call JSON.
    check: () => ({ obligations: [{ kind: "rewrite", path, value: value as JsonValue }] }),
  }),
});

const set = (path: string, value: unknown): { rule: string; path: string; value: unknown } => ({ rule: "setValue", path, value });

describe("rewrites", () => {
  it("change what is executed, and the stateless rules see the result once more", async () => {
    const { plane } = createBench({
      rules: [setValue],
      policies: [
        blocking("clamp", [set("$.limit", 10)]),
        blocking("cap", [rule.condition({ where: { input: { limit: { gt: 500 } } } })], { priority: -1 }),
      ],
    });
    const admitted = await plane.guard.admit(plane.guard.context(toolCall("search", { limit: 100 })));
    expect(admitted).toMatchObject({ status: "admitted", input: { limit: 10 }, isInputChanged: true });
    plane.engine.addPolicy(blocking("clamp", [set("$.limit", 900)]));
    expect(await plane.engine.decide(toolCall("search", { limit: 100 }))).toMatchObject({ effect: "block", policyId: "cap" });
  });

  it("of two policies that set one path differently block the call, whatever their order", async () => {
    const policies = [blocking("a", [set("$.limit", 1)]), blocking("b", [set("$.limit", 2)])];
    for (const ordered of [policies, policies.toReversed()]) {
      const { plane } = createBench({ rules: [setValue], policies: ordered });
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      const decision = await plane.engine.decide(toolCall("search", { limit: 100 }));
      expect(decision).toMatchObject({ effect: "block", cause: "rewrite_conflict" });
      expect(decision.reason).toMatch(/a.*b|b.*a/);
      expect(decision.reason).toContain("$.limit");
    }
  });

  it("of a path and of what holds it conflict too; equal ones do not", async () => {
    const { plane } = createBench({
      rules: [setValue],
      policies: [blocking("a", [set("$.page", { limit: 1 })]), blocking("b", [set("$.page.limit", 2)])],
    });
    expect(await plane.engine.decide(toolCall("search", { page: { limit: 5 } }))).toMatchObject({ cause: "rewrite_conflict" });
    plane.engine.addPolicy(blocking("b", [set("$.page", { limit: 1 })]));
    expect(await plane.engine.decide(toolCall("search", { page: { limit: 5 } }))).toMatchObject({ effect: "allow" });
  });

  it("of a path that is not there block the call and say which", async () => {
    const { plane } = createBench({ rules: [setValue], policies: [blocking("a", [set("$.page.limit", 1)])] });
    const decision = await plane.engine.decide(toolCall("search", {}));
    expect(decision).toMatchObject({ effect: "block", cause: "rewrite_conflict", policyId: "a" });
    expect(decision.reason).toContain("$.page.limit");
  });
});

function failsWithMail(): never {
  throw new TypeError("no mail box a@b.c", { cause: "a@b.c" });
}

describe("redaction", () => {
  it("joins what all matching policies want, the strongest treatment first", async () => {
    const { plane } = createBench({
      scanner: createFakeScanner([{ name: "email", family: "pii", texts: ["a@b.c"] }]),
      policies: [
        blocking("a", [rule.redact({ fields: ["ssn"], treatment: "hash" })]),
        blocking("b", [rule.redact({ fields: ["ssn"], detect: ["email"] })]),
      ],
    });
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run: () => ({ ssn: "123", text: "write to a@b.c", id: 7 }),
    });
    expect(outcome).toMatchObject({ result: { ssn: "[REDACTED]", text: "write to [EMAIL]", id: 7 } });
  });

  it("covers the text of an error, and drops what would repeat it", async () => {
    const { plane } = createBench({
      scanner: createFakeScanner([{ name: "email", family: "pii", texts: ["a@b.c"] }]),
      policies: [blocking("b", [rule.redact({ detect: ["email"] })])],
    });
    const context = plane.guard.context(toolCall("search"));
    expect(() => plane.guard.toolCall({ context, run: failsWithMail })).toThrow("no mail box [EMAIL]");
    const error = await Promise.resolve()
      .then(() => plane.guard.toolCall({ context, run: failsWithMail }))
      .catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ name: "TypeError" });
    expect(error).not.toHaveProperty("cause");
    expect((error as Error).stack).not.toContain("a@b.c");
  });
});

describe("content that is not JSON", () => {
  const opaque = { items: new Map([["a", 1]]) };

  it.each([
    ["search", "allow"],
    ["fetch_page", "block"],
    ["update", "block"],
    ["run_code", "block"],
    ["undeclared", "block"],
  ] as const)("for %s: %s", async (tool, effect) => {
    const { plane } = createBench();
    const decision = await plane.engine.decide(toolCall(tool, opaque));
    expect([decision.effect, decision.cause]).toStrictEqual([effect, effect === "block" ? "opaque_content" : "no_policy"]);
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
      // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language
      policies: [blocking("a", [rule.condition({ where: { tool: "search" }, then: "escalate" })])],
    });
    expect(await plane.engine.decide(toolCall("search", opaque))).toMatchObject({ effect: "block", cause: "opaque_content" });
  });

  it("that carries no text, such as a date, is no reason to block, but no approval can be bound to it either", async () => {
    const { plane } = createBench({ policies: [], approvals: { resolver: "external" } });
    expect(await plane.engine.decide(toolCall("update", { at: new Date(0) }))).toMatchObject({ effect: "allow" });
    await plane.controls.degrade({ kind: "global" }, "HUMAN_LOOP", { by: "olga" });
    expect(await plane.engine.decide(toolCall("update", { at: new Date(0) }))).toMatchObject({ cause: "opaque_content" });
  });

  it("cannot be forged by data that looks like it", async () => {
    const { plane } = createBench();
    expect(await plane.engine.decide(toolCall("update", { items: { $opaque: "Map" } }))).toMatchObject({ effect: "allow" });
  });
});

describe("content that cannot be read", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;

  it.each([
    ["circular", circular],
    ["10 MB", { text: "x".repeat(10 * 1024 * 1024) }],
    ["a getter that throws", Object.defineProperty({}, "x", { enumerable: true, get: () => JSON.parse("{") })],
  ])("is refused with a clear error: %s", async (_name, input) => {
    const { plane } = createBench();
    await expect(plane.engine.evaluate(toolCall("update", input))).rejects.toMatchObject({ code: "content_refused" });
    expect(() => plane.guard.context(toolCall("update", input))).toThrow(expect.objectContaining({ code: "content_refused" }));
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
    const outcome = await plane.guard.toolCall({ context: plane.guard.context(toolCall("search")), run: () => circular });
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
  const { plane } = createBench({ policies: [blocking("cap", [rule.condition({ where: { input: { amount: { gt: 500 } } } })])] });
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
