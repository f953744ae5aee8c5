import { describe, expect, it } from "vitest";

import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, modelCall, toolCall } from "../plane/bench.ts";
import { openStream, readAll, streamOf } from "./streams.ts";

const SECRET = "key-4711-abcdef";
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);

/** Is asked before the call alone, and says what must not be in what comes back. */
const BEFORE: Policy = {
  ...blocking("r", [rule.redact({ detect: ["key"] })]),
  selector: { hookpoints: ["before_*"] },
};

function benchOf(policy: Policy) {
  return createBench({ scanner, policies: [policy] });
}

describe("a redaction that is imposed before the call alone", () => {
  it("is carried out on the result of a tool, and on its error", async () => {
    const { plane } = benchOf(BEFORE);
    const context = (): ReturnType<typeof plane.guard.context> => plane.guard.context(toolCall("search"));
    const ran = await plane.guard.toolCall({ context: context(), run: () => `the ${SECRET}` });
    expect(JSON.stringify(ran)).not.toContain(SECRET);
    const fail = async (): Promise<unknown> =>
      plane.guard.toolCall({
        context: context(),
        run: () => {
          throw new Error(`no ${SECRET}`);
        },
      });
    await expect(fail()).rejects.not.toThrow(SECRET);
  });

  it("is carried out on the answer of a model, and on its stream before anything leaves", async () => {
    const bench = benchOf(BEFORE);
    const { guard } = bench.plane;
    const ran = await guard.modelCall({ context: guard.context(modelCall()), run: () => `the ${SECRET}` });
    expect(JSON.stringify(ran)).not.toContain(SECRET);
    const pieces = ["the ", SECRET.slice(0, 5), SECRET.slice(5), " ends"];
    const seen = await readAll(await openStream(bench, () => streamOf(pieces)), (shown) => {
      expect(shown).not.toContain(SECRET.slice(0, 5));
    });
    expect(seen.text).toMatch(/^the .* ends$/);
    expect(seen.text).not.toContain(SECRET);
  });

  it("holds although its policy is gone when the call comes back", async () => {
    const { plane } = benchOf(blocking("r", [rule.redact({ detect: ["key"] })]));
    const ran = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search")),
      run() {
        plane.engine.removePolicy("r");
        return `the ${SECRET}`;
      },
    });
    expect(JSON.stringify(ran)).not.toContain(SECRET);
  });
});
