import { describe, expect, it } from "vitest";

import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, toolCall, type Bench, type BenchOptions } from "../plane/bench.ts";

const SECRET = "key-4711-abcdef";
const REDACT = blocking("hide", [{ rule: "redact", detect: ["key"] }]);
const REDACT_OF_SEARCH = { ...REDACT, selector: { tools: ["search"] } };
const SCAN = blocking("scan", [{ rule: "secretScan" }]);
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);
const benchOf = (options: BenchOptions = {}): Bench => createBench({ scanner, ...options });

async function admitted({ plane }: Bench) {
  const admission = await plane.guard.admit(toolCall("search", {}, { callId: "c1" }));
  if (admission.status !== "admitted") throw admission.error;
  return admission;
}

describe("what a call says beside its result", () => {
  it("is the very value, without a promise, where nothing looks at results", async () => {
    const bench = benchOf();
    const value = { message: SECRET };
    expect(bench.plane.guard.preview(await admitted(bench), value)).toStrictEqual({ value });
  });

  it("is redacted as the result would be, also where only the call's own tool is named", async () => {
    const bench = benchOf({ policies: [REDACT_OF_SEARCH] });
    const shown = await bench.plane.guard.preview(await admitted(bench), { message: `a ${SECRET}`, at: 1 });
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(shown).toMatchObject({ value: { at: 1 } });
    expect(bench.plane.guard.preview(toolCall("fetch"), SECRET)).toStrictEqual({ value: SECRET });
  });

  it("is not shown where a rule would withhold the result, and nothing of that is recorded", async () => {
    const bench = benchOf({ policies: [SCAN] });
    const running = await admitted(bench);
    const before = bench.decisions().length;
    expect(await bench.plane.guard.preview(running, { message: `a ${SECRET}` })).toBeUndefined();
    expect(await bench.plane.guard.preview(running, { message: "a word" })).toStrictEqual({
      value: { message: "a word" },
    });
    expect(bench.decisions()).toHaveLength(before);
    expect(bench.outcomes()).toHaveLength(0);
  });

  it("is not shown once the agent is stopped, also where nothing looks at results", async () => {
    const bench = benchOf();
    const running = await admitted(bench);
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "x" });
    expect(await bench.plane.guard.preview(running, "word")).toBeUndefined();
    expect(await bench.plane.guard.preview(toolCall("search"), "word")).toBeUndefined();
  });

  it("is not shown where a hook is to see the result first", async () => {
    const bench = benchOf();
    bench.plane.hooks.on("after_tool_call", () => undefined, { id: "see" });
    expect(await bench.plane.guard.preview(await admitted(bench), "word")).toBeUndefined();
  });

  it("is not shown where it cannot be read and a rule looks", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const circle: { own?: unknown } = {};
    circle.own = circle;
    expect(await bench.plane.guard.preview(await admitted(bench), circle)).toBeUndefined();
  });

  it("of a call that runs elsewhere is judged by its description", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const shown = await bench.plane.guard.preview(toolCall("search"), { message: SECRET });
    expect(shown).toBeDefined();
    expect(JSON.stringify(shown)).not.toContain(SECRET);
  });
});
