import { describe, expect, it } from "vitest";

import type { ResultCodec } from "../../src/enforce/complete.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, modelCall, toolCall, type Bench, type BenchOptions } from "../plane/bench.ts";

const SECRET = "key-4711-abcdef";
const REDACT = blocking("hide", [rule.redact({ detect: ["key"], from: ["result", "response"] })]);
const SCAN = blocking("scan", [{ rule: "secretScan" }]);
const RATE = blocking("rate", [rule.rate({ limit: 1, window: "1h" })]);
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);
const benchOf = (options: BenchOptions = {}): Bench => createBench({ scanner, ...options });

const codec: ResultCodec<{ readonly text: unknown }> = {
  read: ({ text }) => text,
  write: (_, text) => ({ text }),
};

/** A call that has ended, and what the plane makes of another result of it. */
async function ended({ plane }: Bench, context = toolCall("search", {}, { callId: "c1" })) {
  const admission = await plane.guard.admit(context);
  if (admission.status !== "admitted") throw admission.error;
  await plane.guard.complete(admission, { status: "ran", result: "a word" });
  return admission;
}

describe("a result that others changed once its call had ended", () => {
  it("is the very value, without a promise, where nothing looks at results", async () => {
    const bench = benchOf();
    const result = { text: SECRET };
    const shown = bench.plane.guard.judgeAgain(await ended(bench), { result, codec });
    expect(shown).toStrictEqual({ status: "ran", result });
    expect((shown as { readonly result: unknown }).result).toBe(result);
  });

  it.each([
    ["a tool", toolCall("search", {}, { callId: "c1" })],
    ["a model", modelCall()],
  ])("is redacted as the result of %s is, and recorded for itself", async (_, context) => {
    const bench = benchOf({ policies: [REDACT] });
    const call = await ended(bench, context);
    const shown = await bench.plane.guard.judgeAgain(call, { result: { text: `a ${SECRET}` }, codec });
    expect(shown).toMatchObject({ status: "ran", result: { text: expect.stringMatching(/^a \[/) } });
    const [, again] = bench.decisions();
    expect(again?.decision.hookpoint).toMatch(/^after_/);
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("is the very value where a rule looks and finds nothing", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const result = { text: "another word" };
    const shown = await bench.plane.guard.judgeAgain(await ended(bench), { result, codec });
    expect((shown as { readonly result: unknown }).result).toBe(result);
  });

  it("is withheld by a rule, with the words that the call was executed", async () => {
    const bench = benchOf({ policies: [SCAN] });
    const shown = await bench.plane.guard.judgeAgain(await ended(bench), { result: { text: SECRET }, codec });
    expect(shown).toMatchObject({ status: "blocked", message: expect.stringContaining("WAS executed") });
    expect(bench.decisions().at(-1)?.decision.effect).toBe("block");
  });

  it("is withheld once the agent is stopped, also where nothing looks at results", async () => {
    const bench = benchOf();
    const call = await ended(bench);
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "x" });
    const shown = await bench.plane.guard.judgeAgain(call, { result: { text: "a word" }, codec });
    expect(shown.status).toBe("blocked");
  });

  it("is seen by hooks, which may withhold it", async () => {
    const bench = benchOf();
    const seen: unknown[] = [];
    bench.plane.hooks.on(
      "after_tool_call",
      ({ result }) => {
        seen.push(result);
        if (result === SECRET) throw new Error("no");
      },
      { id: "see" },
    );
    const call = await ended(bench);
    const again = (text: unknown) => bench.plane.guard.judgeAgain(call, { result: { text }, codec });
    expect((await again("another word")).status).toBe("ran");
    expect((await again(SECRET)).status).toBe("blocked");
    expect(seen).toStrictEqual(["a word", "another word", SECRET]);
  });

  it("is withheld where it cannot be read and a rule looks", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const unreadable = {
      get text(): never {
        throw new Error("no");
      },
    };
    const shown = await bench.plane.guard.judgeAgain(await ended(bench), { result: unreadable, codec });
    expect(shown).toMatchObject({ status: "blocked", decision: { cause: "content_refused" } });
  });

  it.each([
    ["redacted", { text: `a ${SECRET}` }, "ran"],
    ["withheld where that cannot be done", { text: new Map([[1, SECRET]]) }, "blocked"],
  ])(
    "is %s where that was imposed before the call alone, and its policy is gone",
    async (_, result, status) => {
      const early: Policy = { ...REDACT, selector: { hookpoints: ["before_*"] } };
      const bench = benchOf({ policies: [early] });
      const call = await ended(bench);
      bench.plane.engine.removePolicy("hide");
      const shown = await bench.plane.guard.judgeAgain(call, { result, codec });
      expect(shown.status).toBe(status);
      expect(JSON.stringify(shown)).not.toContain(SECRET);
    },
  );

  it("is no call that a limit counts, also of a call that was not admitted", async () => {
    const bench = benchOf({ policies: [RATE, REDACT] });
    const call = await ended(bench);
    for (const one of [call, toolCall("search", {}, { callId: "c1" }), toolCall("search")]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const shown = await bench.plane.guard.judgeAgain(one, { result: { text: SECRET }, codec });
      expect(shown.status).toBe("ran");
      expect(JSON.stringify(shown)).not.toContain(SECRET);
    }
  });

  it("is refused while the call still runs, which goes on and ends as it would have", async () => {
    const bench = benchOf({ policies: [RATE, REDACT] });
    const { guard } = bench.plane;
    const running = await guard.admit(toolCall("search", {}, { callId: "c1" }));
    if (running.status !== "admitted") throw running.error;
    const changed = { result: { text: SECRET }, codec };
    const early = async (): Promise<unknown> => guard.judgeAgain(running, changed);
    await expect(early()).rejects.toMatchObject({ code: "usage_invalid" });
    await expect(early()).rejects.toThrow(/still runs; complete it, then judge/);
    expect(bench.decisions()).toHaveLength(1);
    await guard.complete(running, { status: "ran", result: "a word" });
    expect(await guard.judgeAgain(running, changed)).toMatchObject({ status: "ran" });
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("is judged of a call that left the run or was given back, and nothing of it is settled", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const { guard } = bench.plane;
    for (const end of ["suspend", "release"] as const) {
      // oxlint-disable no-await-in-loop -- one after the other
      const left = await guard.admit(toolCall("search", {}, { callId: end }));
      if (left.status !== "admitted") throw left.error;
      await guard[end](left);
      const shown = await guard.judgeAgain(left, { result: { text: SECRET }, codec });
      // oxlint-enable no-await-in-loop
      expect(shown.status).toBe("ran");
      expect(JSON.stringify(shown)).not.toContain(SECRET);
    }
    expect(bench.outcomes().map(({ outcome }) => outcome)).toEqual(["suspended", "released"]);
  });
});
