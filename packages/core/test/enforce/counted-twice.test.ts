import { describe, expect, it } from "vitest";

import type { Admission } from "../../src/enforce/admission.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "../plane/bench.ts";
import { CODEC, readAll, streamOf } from "./streams.ts";

const LIMITS = blocking("p", [
  rule.rate({ limit: 1, window: "1h" }),
  rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 }),
]);
const NO_SECRETS = blocking("words", [rule.redact({ fields: ["ssn"], from: ["result", "response"] })]);
const USAGE = { inputTokens: 10, outputTokens: 2 };

/** Does something inside a model call that limits have counted. */
async function within({ plane }: Bench, work: (outer: Admission) => Promise<unknown>): Promise<void> {
  const outcome = await plane.guard.modelCall({ context: modelCall(), run: work, usage: () => USAGE });
  expect(outcome.status).toBe("ran");
}

const used = async ({ plane }: Bench): Promise<unknown> =>
  Promise.all(
    ["rate", "tokenBudget"].map(async (ruleId) => {
      const [state] = await plane.limits.read({ policyId: "p", ruleId, agent: "bot", tenant: "acme" });
      return [state?.used, state?.held];
    }),
  );
const saying = (words: object) => modelCall({ callId: "inner", model: { name: "m", messages: words } });

describe("the same call inside a call that limits have counted", () => {
  it("takes nothing of any limit, while it runs and when it ends, as a stream too", async () => {
    const bench = createBench({ policies: [LIMITS] });
    const { guard } = bench.plane;
    await within(bench, async (countedBy) => {
      const inner = { context: saying({ more: 1 }), countedBy };
      const ran = await guard.modelCall({ ...inner, run: () => "hi", usage: () => USAGE });
      expect(ran).toMatchObject({ status: "ran" });
      const stream = await guard.modelStream({
        ...inner,
        context: saying({ more: 2 }),
        run: () => streamOf(["hi", { outputTokens: 50 }]),
        codec: CODEC,
      });
      if ("status" in stream) throw stream.error;
      expect((await readAll(stream)).text).toBe("hi");
    });
    expect(await used(bench)).toEqual([
      [1, 0],
      [12, 0],
    ]);
  });

  it("is decided and judged like any", async () => {
    const bench = createBench({ policies: [LIMITS, NO_SECRETS] });
    const { guard } = bench.plane;
    await within(bench, async (countedBy) => {
      const run = (): unknown => ({ ssn: "1" });
      const denied = await guard.modelCall({ context: saying({}), countedBy, run, isError: () => false });
      expect(JSON.stringify(denied)).not.toContain('"ssn":"1"');
      bench.plane.engine.addPolicy(
        blocking("none", [rule.condition({ where: { model: "m" }, reason: "no" })]),
      );
      expect(await guard.modelCall({ context: saying({}), countedBy, run })).toMatchObject({
        status: "blocked",
      });
    });
    expect(bench.decisions()).toHaveLength(3);
  });

  it("is none beside that call, after it, or of another kind", async () => {
    const bench = createBench({ policies: [blocking("p", [rule.rate({ limit: 1, window: "1h" })])] });
    const { guard } = bench.plane;
    const run = (): string => "hi";
    const refused = async (countedBy: Admission, context = saying({})): Promise<void> => {
      expect(await guard.modelCall({ context, countedBy, run })).toMatchObject({ status: "blocked" });
    };
    let outer: Admission | undefined;
    let beside: () => void = () => undefined;
    const other = new Promise<void>((started) => (beside = started)).then(
      async () => outer && refused(outer),
    );
    await within(bench, async (countedBy) => {
      outer = countedBy;
      beside();
      await other;
      await refused(countedBy, toolCall("search"));
    });
    expect.assertions(5);
    if (outer !== undefined) await refused(outer);
    // @ts-expect-error -- no admission of any guard
    expect(() => guard.modelCall({ context: saying({}), countedBy: {}, run })).toThrow("not an admission");
  });
});
