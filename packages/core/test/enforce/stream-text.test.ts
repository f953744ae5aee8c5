import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Admission } from "../../src/enforce/admission.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, modelCall, type Bench } from "../plane/bench.ts";

const SECRET = "key-4711-abcdef";
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);
const LEAD = "well then, ".repeat(40);

async function admitted({ plane: { guard } }: Bench): Promise<Admission> {
  const given = await guard.admit(modelCall({}));
  if (given.status !== "admitted") throw given.error;
  return given;
}

function benchWith(...rules: Parameters<typeof blocking>[1]): Bench {
  return createBench({ scanner, policies: [blocking("r", rules)] });
}

describe("guard.streamText", () => {
  it("gives of any chunking what the judged answer says", async () => {
    const bench = benchWith(rule.redact({ detect: ["key"] }));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.boolean(), async (size, isLong) => {
        const whole = `${isLong ? LEAD : ""}it is ${SECRET}, ${SECRET.slice(0, 7)} not${isLong ? LEAD : ""}`;
        const admission = await admitted(bench);
        const text = bench.plane.guard.streamText(admission);
        let shown = "";
        for (let at = 0; at < whole.length; at += size) shown += text.push(whole.slice(at, at + size));
        shown += text.flush();
        const outcome = await bench.plane.guard.complete(admission, { status: "ran", result: whole });
        expect(outcome).toMatchObject({ status: "ran", result: shown });
        expect(shown).not.toContain(SECRET);
      }),
      { numRuns: 50 },
    );
  });

  it("shows the beginning of a long text before its end", async () => {
    const bench = benchWith(rule.redact({ detect: ["key"] }));
    const text = bench.plane.guard.streamText(await admitted(bench));
    expect(text.push(LEAD)).not.toBe("");
  });

  it("gives nothing before the end where a rule needs the whole", async () => {
    const bench = benchWith(rule.redact({ detect: ["key"], fields: ["ssn"] }));
    const text = bench.plane.guard.streamText(await admitted(bench));
    expect(text.push(LEAD)).toBe("");
    expect(text.flush()).toBe(LEAD);
  });

  it("gives each piece at once where nothing looks at the answer", async () => {
    const bench = benchWith();
    const text = bench.plane.guard.streamText(await admitted(bench));
    expect(text.push(SECRET)).toBe(SECRET);
  });
});
