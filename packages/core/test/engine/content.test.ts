/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
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

const set = (path: string, value: unknown): { rule: string; path: string; value: unknown } => ({
  rule: "setValue",
  path,
  value,
});

describe("rewrites", () => {
  it("of two rules of one policy are told apart when they contradict each other", async () => {
    const rules = [
      { id: "low", ...set("$.limit", 10) },
      { id: "high", ...set("$.limit", 20) },
    ];
    const { plane } = createBench({ rules: [setValue], policies: [blocking("clamp", rules)] });
    const { cause, reason } = await plane.engine.decide(toolCall("search", { limit: 1 }));
    expect([cause, reason]).toStrictEqual([
      "rewrite_conflict",
      "clamp/low and clamp/high rewrite $.limit differently",
    ]);
  });

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
    expect(await plane.engine.decide(toolCall("search", { limit: 100 }))).toMatchObject({
      effect: "block",
      policyId: "cap",
    });
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
    expect(await plane.engine.decide(toolCall("search", { page: { limit: 5 } }))).toMatchObject({
      cause: "rewrite_conflict",
    });
    plane.engine.addPolicy(blocking("b", [set("$.page", { limit: 1 })]));
    expect(await plane.engine.decide(toolCall("search", { page: { limit: 5 } }))).toMatchObject({
      effect: "allow",
    });
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
