import { describe, expect, it } from "vitest";

import type { ToolRun } from "../../src/enforce/tool-run.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, toolCall, type Bench, type BenchOptions } from "../plane/bench.ts";

const REDACT = blocking("hide", [{ rule: "redact", detect: ["key"] }]);
const SECRET = "key-4711-abcdef";
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);
const benchOf = (options: BenchOptions = {}) => createBench({ scanner, ...options });

async function* values(...given: readonly unknown[]): AsyncGenerator {
  for (const value of given) yield value;
}

/** Runs a tool of the bench and reads all it shows. */
async function shownBy({ plane }: Bench, run: () => unknown): Promise<readonly unknown[]> {
  const begun: ToolRun<unknown> = await plane.guard.toolRun({
    context: toolCall("search", {}, { callId: "c1" }),
    run,
  });
  if (begun.status === "ran") return [begun.result];
  if (begun.status !== "running") throw begun.error;
  const shown: unknown[] = [];
  for await (const value of begun.values) shown.push(value);
  return shown;
}

const outcomesOf = (bench: Bench): string[] => {
  const outcomes: string[] = [];
  bench.plane.on("outcome", ({ outcome }) => void outcomes.push(outcome));
  return outcomes;
};

describe("a tool that may show values while it works", () => {
  it("answers at once where it does, without a promise", () => {
    const { plane } = benchOf();
    expect(plane.guard.toolRun({ context: toolCall("search"), run: () => 1 })).toMatchObject({
      status: "ran",
      result: 1,
    });
  });

  it("shows its values as they come, the very objects where nothing looks at them, and is one call", async () => {
    const bench = benchOf();
    const outcomes = outcomesOf(bench);
    const [one, two] = [{ at: 1 }, { at: 2 }];
    const shown = await shownBy(bench, () => values(one, two));
    expect(shown[0]).toBe(one);
    expect(shown[1]).toBe(two);
    expect(shown).toHaveLength(2);
    expect(outcomes).toEqual(["ran"]);
  });

  it("is redacted in every value", async () => {
    const shown = await shownBy(benchOf({ policies: [REDACT] }), () =>
      values({ k: SECRET }, { k: `${SECRET}!` }),
    );
    expect(shown).toHaveLength(2);
    expect(JSON.stringify(shown)).not.toContain(SECRET);
  });

  it("shows only the judged result where a rule or hook must be asked about that", async () => {
    const bench = benchOf();
    bench.plane.hooks.on("after_tool_call", ({ result }) => ({ result: { judged: result ?? null } }));
    expect(await shownBy(bench, () => values(1, 2))).toEqual([{ judged: 2 }]);
  });

  it("ends with the denial when its result is withheld", async () => {
    const bench = benchOf();
    bench.plane.hooks.on("after_tool_call", () => ({ block: "not this one" }));
    await expect(shownBy(bench, () => values(1, 2))).rejects.toMatchObject({ code: "policy_blocked" });
  });

  it("fails with its own error, and is recorded so", async () => {
    const bench = benchOf();
    const outcomes = outcomesOf(bench);
    async function* failing(): AsyncGenerator {
      yield 1;
      throw new RangeError("out of range");
    }
    await expect(shownBy(bench, failing)).rejects.toThrow(RangeError);
    await expect(
      shownBy(benchOf(), () => {
        throw new RangeError("at once");
      }),
    ).rejects.toThrow("at once");
    expect(outcomes).toEqual(["failed"]);
  });

  it("is cut with its agent", async () => {
    const bench = benchOf();
    async function* work(): AsyncGenerator {
      yield 1;
      await bench.plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "stop" });
      yield 2;
    }
    await expect(shownBy(bench, work)).rejects.toMatchObject({ code: "policy_blocked" });
  });

  it("is recorded when its reader leaves, and gives all back when nobody ever read", async () => {
    const bench = benchOf();
    const outcomes = outcomesOf(bench);
    const begin = async (callId: string): Promise<AsyncIterable<unknown>> => {
      const begun = await bench.plane.guard.toolRun({
        context: toolCall("search", {}, { callId }),
        run: () => values(1, 2),
      });
      if (begun.status !== "running") throw new Error("it does not run");
      return begun.values;
    };
    for await (const value of await begin("c1")) if (value === 1) break;
    expect(outcomes).toEqual(["ran"]);
    await (await begin("c2"))[Symbol.asyncIterator]().return?.();
    expect(outcomes).toEqual(["ran", "released"]);
  });
});
