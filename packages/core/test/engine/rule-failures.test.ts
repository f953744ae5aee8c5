import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { RuleAnswer } from "../../src/decision/answer.ts";
import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import { defineRule, type RuleDeps, type RuleKind } from "../../src/rules/rule.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

function customRule(check: (deps: RuleDeps) => MaybePromise<RuleAnswer | undefined>): RuleKind {
  return defineRule({
    kind: "mine",
    summary: "A user's own rule.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({ check: (_context, deps) => check(deps) }),
  });
}

/** What a rule of a user may return in spite of its type. */
const GARBAGE: readonly (readonly [string, unknown])[] = [
  ["a text", "block"],
  ["null", null],
  ["true", true],
  ["an unknown answer", { answer: { answer: "maybe", reason: "?" } }],
  ["an answer that is a word", { answer: "block" }],
  ["an answer that is null", { answer: null }],
  ["an answer without a reason", { answer: { answer: "allow" } }],
  ["a degrade without a mode", { answer: { answer: "degrade", reason: "?" } }],
  ["duties that are no list", { obligations: { kind: "redact" } }],
  ["duties that are none", { obligations: [null] }],
];

describe.each(["block", "allow"] as const)("onError: %s", (onError) => {
  const policies = [blocking("p", [{ rule: "mine" }], { onError })];

  it("covers a rule that throws, and says so in the log without the text of the error", async () => {
    const logger = createRecordingLogger();
    const throwing = customRule(() => {
      throw new Error("secret-argument");
    });
    const { plane } = createBench({ rules: [throwing], policies, ports: { logger } });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision.effect).toBe(onError);
    expect(decision.findings[0]?.failure).toBe(onError === "block" ? "threw" : undefined);
    expect(logger.messages("error")).toHaveLength(1);
    expect(JSON.stringify([decision, logger.entries])).not.toContain("secret-argument");
  });

  it("covers a rule that rejects", async () => {
    const { plane } = createBench({ rules: [customRule(() => Promise.reject(new Error("no")))], policies });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: onError });
  });

  it("covers a rule that hangs: its signal fires after the rule's time", async () => {
    let signal: RuleDeps["signal"];
    const hanging = customRule((deps) => {
      ({ signal } = deps);
      return new Promise(() => undefined);
    });
    const { plane, ports } = createBench({ rules: [hanging], policies });
    const deciding = plane.engine.decide(toolCall("update"));
    await ports.clock.advanceAsync(999);
    expect(signal?.aborted).toBe(false);
    await ports.clock.advanceAsync(1);
    expect(await deciding).toMatchObject({ effect: onError });
    expect(signal?.aborted).toBe(true);
  });

  it("covers a synchronous rule that takes too long", async () => {
    const bench = createBench({
      rules: [
        customRule(() => {
          bench.ports.clock.advance(5_000);
          return undefined;
        }),
      ],
      policies,
    });
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({ effect: onError });
    expect(bench.ports.logger.messages("error")[0]).toContain("did not answer in time");
  });

  it.each(GARBAGE)("covers a rule that returns %s, now or later", async (_name, given) => {
    // The point of the test is what the type forbids.
    const answer = given as RuleAnswer;
    for (const check of [() => answer, () => Promise.resolve(answer)]) {
      const { plane, ports } = createBench({ rules: [customRule(check)], policies });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const decision = await plane.engine.decide(toolCall("update"));
      expect(decision.effect).toBe(onError);
      expect(decision.cause).not.toBe("engine_error");
      expect(ports.logger.messages("error").join()).toContain("not an answer");
    }
  });
});

it("a rule that fails with onError allow grants nothing: the default still applies", async () => {
  const throwing = customRule(() => {
    throw new Error("no");
  });
  const policies = [blocking("p", [{ rule: "mine" }], { onError: "allow" })];
  const { plane } = createBench({ rules: [throwing], policies, defaultEffect: "block" });
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "default" });
});

it("a missing value in a condition is an error that the policy's onError decides", async () => {
  const spec = { rule: "condition", where: { input: { amount: { gt: 5 } } } };
  const strict = createBench({ policies: [blocking("p", [spec])] });
  expect(await strict.plane.engine.decide(toolCall("update", {}))).toMatchObject({ effect: "block" });
  const lax = createBench({ policies: [blocking("p", [spec], { onError: "allow" })] });
  expect(await lax.plane.engine.decide(toolCall("update", {}))).toMatchObject({ effect: "allow" });
});

it("says whose condition cannot be answered, though two policies have the very same", async () => {
  const spec = { rule: "condition", where: { input: { amount: { gt: 5 } } } };
  const policies = ["first", "second"].map((id) =>
    blocking(id, [spec], { selector: { tools: [id] }, onError: "block" }),
  );
  const { plane } = createBench({ policies });
  for (const id of ["first", "second", "first"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { policyId, reason } = await plane.engine.decide(toolCall(id, {}));
    expect(policyId).toBe(id);
    expect(reason).toContain(`policy "${id}"`);
  }
});
