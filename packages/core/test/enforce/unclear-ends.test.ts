import { describe, expect, it } from "vitest";

import type { Tokenizer } from "../../src/base/model-costs.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "../plane/bench.ts";
import { openStream, readAll, streamOf, type Chunk } from "./streams.ts";

const BUDGET = blocking("b", [rule.tokenBudget({ maxTokens: 2_000, window: "1h", maxOutput: 500 })]);

async function budgetOf({ plane }: Bench): Promise<{ used: number; held: number }> {
  const [state] = await plane.limits.read({
    policyId: "b",
    ruleId: "tokenBudget",
    agent: "bot",
    tenant: "acme",
  });
  return { used: state?.used ?? 0, held: state?.held ?? 0 };
}

/** What an attempt throws, at once or later. */
async function thrownBy(attempt: () => unknown): Promise<unknown> {
  try {
    return await attempt();
  } catch (error) {
    return error;
  }
}

describe("a call whose error nobody can tell from control flow", () => {
  /** As frameworks write it: it reads a member of whatever was thrown. */
  const isControlFlow = (error: unknown): boolean => (error as Error).name === "Interrupt";

  it("has failed, gives back its budget and throws what was thrown", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const call = (run: () => Promise<string>): Promise<unknown> =>
      thrownBy(() => bench.plane.guard.modelCall({ context: modelCall(), run, isControlFlow }));
    expect(
      await call(() => {
        throw null;
      }),
    ).toBeNull();
    expect(await call(() => Promise.reject(null))).toBeNull();
    expect(bench.outcomes()).toMatchObject([{ outcome: "failed" }, { outcome: "failed" }]);
    expect(await budgetOf(bench)).toStrictEqual({ used: 0, held: 0 });
  });

  it("so does a stream", async () => {
    const bench = createBench({ policies: [BUDGET] });
    const stream = await openStream(bench, () => Promise.reject(null), { isControlFlow });
    expect(await readAll(stream)).toMatchObject({ error: null });
    expect(bench.outcomes()).toMatchObject([{ outcome: "failed" }]);
    expect(await budgetOf(bench)).toStrictEqual({ used: 0, held: 0 });
  });
});

describe("a stream whose text the tokenizer refuses", () => {
  // As tokenizers with a vocabulary do where a text holds one of their own tokens.
  const tokenizer: Tokenizer = {
    countTokens(text) {
      if (text.includes("<|end|>")) throw new Error("a special token is not allowed");
      return text.length;
    },
  };
  const said = "<|end|>".repeat(30);

  async function opened(bench: Bench, source: () => AsyncIterable<Chunk>): Promise<AsyncIterable<Chunk>> {
    return openStream(bench, source);
  }

  it("reaches its reader, is recorded, and is charged by its length", async () => {
    const bench = createBench({ policies: [BUDGET], tokenizer });
    expect(await readAll(await opened(bench, () => streamOf([said])))).toMatchObject({
      text: said,
      error: undefined,
    });
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
    const { used, held } = await budgetOf(bench);
    expect(held).toBe(0);
    expect(used).toBeGreaterThanOrEqual(said.length / 3);
  });

  it("is charged too when its reader leaves, or it fails in the middle", async () => {
    const left = createBench({ policies: [BUDGET], tokenizer });
    const iterator = (await opened(left, () => streamOf([said])))[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    const failed = createBench({ policies: [BUDGET], tokenizer });
    const failing = async function* (): AsyncGenerator<Chunk> {
      yield { text: said };
      throw new Error("503");
    };
    expect(await readAll(await opened(failed, failing))).toMatchObject({ error: new Error("503") });
    for (const bench of [left, failed]) {
      expect(bench.outcomes()).toHaveLength(1);
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      const { used, held } = await budgetOf(bench);
      expect(held).toBe(0);
      expect(used).toBeGreaterThanOrEqual(said.length / 3);
    }
  });
});

describe("a result that throws when it is looked at", () => {
  const strict = (): never => {
    throw new Error("no such member");
  };

  it("is a call that failed, not one that never ends", async () => {
    const bench = createBench({ policies: [blocking("b", [rule.rate({ limit: 5, window: "1h" })])] });
    const { guard } = bench.plane;
    const context = toolCall("search");
    expect(
      await thrownBy(() => guard.toolCall({ context, run: () => new Proxy({}, { get: strict }) })),
    ).toMatchObject({ message: "no such member" });
    for (const traps of [{ get: strict }, { has: strict }]) {
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      expect(await thrownBy(() => guard.toolRun({ context, run: () => new Proxy({}, traps) }))).toMatchObject(
        {
          message: "no such member",
        },
      );
    }
    expect(bench.outcomes().map(({ outcome }) => outcome)).toStrictEqual(["failed", "failed", "failed"]);
  });
});
