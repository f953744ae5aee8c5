import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, type Bench, type BenchOptions } from "../plane/bench.ts";
import { openStream, readAll, streamOf, type Chunk } from "./streams.ts";

const scanner = createFakeScanner([{ name: "key", family: "secret", texts: ["key-4711-abcdef"] }]);
const REDACT = blocking("r", [rule.redact({ detect: ["key"] })]);

function benchOf(options: BenchOptions = {}): Bench {
  return createBench({ scanner, ...options });
}

const usedOf = async ({ plane }: Bench): Promise<{ used: number; held: number }> => {
  const [state] = await plane.limits.read({
    policyId: "b",
    ruleId: "tokenBudget",
    agent: "bot",
    tenant: "acme",
  });
  return { used: state?.used ?? -1, held: state?.held ?? -1 };
};
const BUDGET = blocking("b", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })]);

async function* brokenAfter(pieces: readonly string[]): AsyncGenerator<Chunk> {
  yield* streamOf(pieces);
  throw new Error("connection lost");
}

async function leaveAfter(stream: AsyncIterable<Chunk>, chunks: number): Promise<void> {
  let count = 0;
  for await (const chunk of stream) if (chunk !== undefined && ++count === chunks) break;
}

describe("settlement", () => {
  const options: BenchOptions = { tokenizer: { countTokens: (text) => text.length }, policies: [BUDGET] };

  it("takes the last usage that the stream reported", async () => {
    const bench = benchOf(options);
    await readAll(
      await openStream(bench, () => streamOf(["hello", { outputTokens: 2 }, { outputTokens: 7 }])),
    );
    expect(await usedOf(bench)).toStrictEqual({ used: 7, held: 0 });
  });

  it("counts what was produced when nothing was reported", async () => {
    const bench = benchOf(options);
    const messages = JSON.stringify([{ role: "user", content: "hi" }]).length;
    await readAll(await openStream(bench, () => streamOf(["hel", "lo"])));
    expect(await usedOf(bench)).toStrictEqual({ used: messages + 5, held: 0 });
  });

  it("charges what was produced when the consumer leaves early, and closes the source", async () => {
    const bench = benchOf(options);
    let isClosed = false;
    async function* source(): AsyncGenerator<Chunk> {
      try {
        for (;;) yield { text: "x" };
      } finally {
        isClosed = true;
      }
    }
    let count = 0;
    for await (const chunk of await openStream(bench, source)) if ("text" in chunk && ++count === 3) break;
    expect(isClosed).toBe(true);
    const { used, held } = await usedOf(bench);
    expect(held).toBe(0);
    expect(used).toBe(JSON.stringify([{ role: "user", content: "hi" }]).length + 3);
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
  });

  it.each([
    ["the consumer leaves", async (stream: AsyncIterable<Chunk>) => leaveAfter(stream, 3)],
    ["it fails", async (stream: AsyncIterable<Chunk>) => readAll(stream)],
  ])("charges what came after an early report too when %s", async (_when, read) => {
    const bench = benchOf(options);
    async function* source(): AsyncGenerator<Chunk> {
      yield { outputTokens: 1 };
      yield* brokenAfter(["abc", "defg"]);
    }
    await read(await openStream(bench, source));
    expect(await usedOf(bench)).toStrictEqual({ used: 1 + 3 + 4, held: 0 });
  });

  it("takes a report that came after the text as it is, whenever the consumer leaves", async () => {
    const bench = benchOf(options);
    await leaveAfter(
      await openStream(bench, () => streamOf(["hello", { outputTokens: 2 }, { end: "all" }])),
      2,
    );
    expect(await usedOf(bench)).toStrictEqual({ used: 2, held: 0 });
  });

  it("gives the hold back when the stream fails before its first chunk, and charges what came when it fails later", async () => {
    const bench = benchOf(options);
    const early = await readAll(await openStream(bench, () => brokenAfter([])));
    expect(early.error).toMatchObject({ message: "connection lost" });
    expect(await usedOf(bench)).toStrictEqual({ used: 0, held: 0 });
    const late = await readAll(await openStream(bench, () => brokenAfter(["abc"])));
    expect(late).toMatchObject({ text: "abc", error: { message: "connection lost" } });
    expect((await usedOf(bench)).used).toBeGreaterThan(3);
    const refused = await readAll(await openStream(bench, () => Promise.reject(new Error("401"))));
    expect(refused.error).toMatchObject({ message: "401" });
    expect((await usedOf(bench)).held).toBe(0);
  });

  it("keeps the hold of a stream that control flow left", async () => {
    const bench = benchOf(options);
    const interrupt = new Error("interrupt");
    const stream = await openStream(bench, () => Promise.reject(interrupt), {
      isControlFlow: (error) => error === interrupt,
    });
    expect((await readAll(stream)).error).toBe(interrupt);
    expect((await usedOf(bench)).held).toBeGreaterThan(0);
    expect(bench.outcomes()).toMatchObject([{ outcome: "suspended" }]);
  });
});

describe("a kill", () => {
  const STOP = { by: "olga", reason: "drill" };
  const kill = ({ plane }: Bench): unknown => plane.controls.unplug({ kind: "agent", id: "bot" }, STOP);

  it("cuts a stream that hangs, closes its source and says why", async () => {
    const bench = benchOf();
    let isAborted = false;
    async function* source(signal: { aborted: boolean }): AsyncGenerator<Chunk> {
      yield { text: "one" };
      await new Promise(() => undefined);
      isAborted = signal.aborted;
    }
    const reading = openStream(bench, ({ signal }) => {
      signal.addEventListener("abort", () => (isAborted = true));
      return source(signal);
    }).then((stream) =>
      readAll(stream, () => {
        void kill(bench);
      }),
    );
    expect(await reading).toMatchObject({
      text: "one",
      error: { code: "policy_blocked", decision: { cause: "unplugged" } },
    });
    expect(isAborted).toBe(true);
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });

  it("lets no further chunk through, however ready it is", async () => {
    const bench = benchOf();
    let made = 0;
    const ready: AsyncIterable<Chunk> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: { text: String(made++) } }),
      }),
    };
    const seen = await readAll(await openStream(bench, () => ready), (shown) => {
      if (shown === "012") void kill(bench);
      if (shown.length > 50) throw new Error("the stream was not cut");
    });
    expect(seen).toMatchObject({ text: "012", error: { decision: { cause: "unplugged" } } });
  });

  it("does not wait for a provider that never answers the request", async () => {
    const bench = benchOf();
    const reading = readAll(await openStream(bench, () => new Promise<never>(() => undefined)));
    await Promise.resolve();
    await kill(bench);
    expect(await reading).toMatchObject({ text: "", error: { decision: { cause: "unplugged" } } });
  });

  it("withholds what was still held back", async () => {
    const bench = benchOf({ policies: [REDACT] });
    async function* source(): AsyncGenerator<Chunk> {
      yield { text: "short" };
      await kill(bench);
    }
    expect(await readAll(await openStream(bench, source))).toMatchObject({
      text: "",
      error: { decision: { cause: "unplugged" } },
    });
  });

  it("before the call starts no stream at all", async () => {
    const bench = benchOf();
    await kill(bench);
    await expect(openStream(bench, () => streamOf(["x"]))).rejects.toMatchObject({
      decision: { cause: "unplugged" },
    });
  });
});
