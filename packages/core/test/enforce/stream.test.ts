import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, type Bench, type BenchOptions } from "../plane/bench.ts";
import { openStream, readAll, streamOf, textOf, type Chunk } from "./streams.ts";

const SECRET = "key-4711-abcdef";
const scanner = createFakeScanner([
  { name: "key", family: "secret", texts: [SECRET] },
  { name: "email", family: "pii", texts: ["a@b.c"] },
]);
const REDACT = blocking("r", [rule.redact({ detect: ["key", "email"] })]);

/** A rule that must see the whole response. */
const noBomb = defineRule({
  kind: "noBomb",
  summary: "Blocks responses about bombs.",
  timing: "blocking",
  hookpoints: ["after_model_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    reads: ["result"],
    check: ({ result }) =>
      JSON.stringify(result).includes("bomb") ? { answer: { answer: "block", reason: "no bombs" } } : undefined,
  }),
});

function benchOf(options: BenchOptions = {}): Bench {
  return createBench({ scanner, rules: [noBomb], ...options });
}

const usedOf = async ({ plane }: Bench): Promise<{ used: number; held: number }> => {
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "bot", tenant: "acme" });
  return { used: state?.used ?? -1, held: state?.held ?? -1 };
};
const BUDGET = blocking("b", [rule.tokenBudget({ maxTokens: 1_000, window: "1h", maxOutput: 90 })]);

describe("redaction", () => {
  it("of any chunking is the redaction of the whole, and nothing redactable leaves early", async () => {
    const words = fc.array(fc.constantFrom("hello ", SECRET, "a@b.c", SECRET.slice(0, 9), "a@b", " ", "{", "é😀"), { maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(words, cuts, async (parts, sizes) => {
        const whole = parts.join("");
        const bench = benchOf({ policies: [REDACT] });
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          pieces.push(whole.slice(at, at + size));
          at += size;
        }
        const inOne = await readAll(await openStream(bench, () => streamOf([whole])));
        const inPieces = await readAll(await openStream(bench, () => streamOf(pieces)), (shown) => {
          expect(shown).not.toContain(SECRET);
          expect(shown).not.toContain("a@b.c");
        });
        expect(inPieces.text).toBe(inOne.text);
        expect(inPieces.error).toBeUndefined();
        expect(inOne.text).toBe(whole.replaceAll(SECRET, "[KEY]").replaceAll("a@b.c", "[EMAIL]"));
      }),
      { numRuns: 200 },
    );
  });

  it("keeps each part by itself: text and a tool's arguments do not mix", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const half = SECRET.length / 2;
    const chunks = [
      { part: "text", text: `say ${SECRET.slice(0, half)}` },
      { part: "call-1", text: SECRET.slice(half) },
      { part: "text", text: SECRET.slice(half) },
      { part: "call-1", text: " and more" },
      { end: "call-1" },
      { part: "text", text: "." },
    ];
    const seen = await readAll(await openStream(bench, () => streamOf(chunks)));
    expect(textOf(seen.chunks, "text")).toBe("say [KEY].");
    expect(textOf(seen.chunks, "call-1")).toBe(`${SECRET.slice(half)} and more`);
  });

  it("lets the held text of a part leave before the chunk that ends it", async () => {
    const bench = benchOf({ policies: [REDACT] });
    const seen = await readAll(await openStream(bench, () => streamOf(["hello", { end: "text" }, { outputTokens: 3 }])));
    const end = seen.chunks.findIndex((chunk) => "end" in chunk);
    expect(textOf(seen.chunks.slice(0, end))).toBe("hello");
  });

  it("of a text that needs no redaction passes every chunk as it is", async () => {
    const bench = benchOf();
    const chunks = [{ text: "a", id: 1 }, { text: "b", id: 2 }, { outputTokens: 2 }];
    const seen = await readAll(await openStream(bench, () => streamOf(chunks)));
    expect(seen.chunks).toStrictEqual(chunks);
    expect(seen.chunks[0]).toBe(chunks[0]);
  });
});

describe("a rule that must judge the response", () => {
  it("whole: buffers it, and withholds all of it when it blocks", async () => {
    const bench = benchOf({ policies: [blocking("w", [{ rule: "noBomb" }])] });
    let isShown = false;
    const good = await readAll(await openStream(bench, () => streamOf(["all ", "is ", "well"])), () => (isShown = true));
    expect(good.text).toBe("all is well");
    expect(isShown).toBe(true);
    const bad = await readAll(await openStream(bench, () => streamOf(["a ", "bo", "mb"])));
    expect(bad).toMatchObject({ text: "", error: { code: "policy_blocked", policyId: "w" } });
  });

  it("whole: shows nothing before the end", async () => {
    const bench = benchOf({ policies: [blocking("w", [{ rule: "noBomb" }])] });
    const steps: string[] = [];
    async function* source(): AsyncGenerator<Chunk> {
      for (const text of ["a", "b", "c"]) {
        steps.push(`made ${text}`);
        yield { text };
      }
    }
    await readAll(await openStream(bench, source), () => steps.push("shown"));
    expect(steps.slice(0, 3)).toStrictEqual(["made a", "made b", "made c"]);
  });

  it("by scanning it: nothing of what it blocks has left", async () => {
    const bench = benchOf({ policies: [blocking("s", [rule.secretScan({ channels: ["model_output"] })])] });
    const seen = await readAll(await openStream(bench, () => streamOf(["the key is ", SECRET.slice(0, 8), SECRET.slice(8), " bye"])));
    expect(seen.error).toMatchObject({ code: "policy_blocked", policyId: "s" });
    expect(seen.text).not.toContain(SECRET);
    const clean = await readAll(await openStream(bench, () => streamOf(["no key ", "here"])));
    expect(clean).toMatchObject({ text: "no key here", error: undefined });
  });

  it("of a shadow policy delays and withholds nothing", async () => {
    const bench = benchOf({
      policies: [blocking("w", [{ rule: "noBomb" }], { mode: "shadow" })],
    });
    const steps: string[] = [];
    async function* source(): AsyncGenerator<Chunk> {
      for (const text of ["a ", "bomb"]) {
        steps.push(`made ${text}`);
        yield { text };
      }
    }
    const seen = await readAll(await openStream(bench, source), () => steps.push("shown"));
    expect(seen).toMatchObject({ text: "a bomb", error: undefined });
    expect(steps[1]).toBe("shown");
    expect(bench.outcomes()).toMatchObject([{ after: { shadow: [{ policyId: "w" }] } }]);
  });
});

async function* brokenAfter(pieces: readonly string[]): AsyncGenerator<Chunk> {
  yield* streamOf(pieces);
  throw new Error("connection lost");
}

describe("settlement", () => {
  const options: BenchOptions = { tokenizer: { countTokens: (text) => text.length }, policies: [BUDGET] };

  it("takes the last usage that the stream reported", async () => {
    const bench = benchOf(options);
    await readAll(await openStream(bench, () => streamOf(["hello", { outputTokens: 2 }, { outputTokens: 7 }])));
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
    for await (const _chunk of await openStream(bench, source)) if (++count === 3) break;
    expect(isClosed).toBe(true);
    const { used, held } = await usedOf(bench);
    expect(held).toBe(0);
    expect(used).toBe(JSON.stringify([{ role: "user", content: "hi" }]).length + 3);
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
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
    expect(await reading).toMatchObject({ text: "one", error: { code: "policy_blocked", decision: { cause: "unplugged" } } });
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
    expect(await readAll(await openStream(bench, source))).toMatchObject({ text: "", error: { decision: { cause: "unplugged" } } });
  });

  it("before the call starts no stream at all", async () => {
    const bench = benchOf();
    await kill(bench);
    await expect(openStream(bench, () => streamOf(["x"]))).rejects.toMatchObject({ decision: { cause: "unplugged" } });
  });
});

it("a stream is one decision and one outcome on the record", async () => {
  const bench = benchOf({ policies: [REDACT] });
  await readAll(await openStream(bench, () => streamOf(["a", "b", "c"])));
  expect(bench.decisions()).toHaveLength(1);
  expect(bench.outcomes()).toHaveLength(1);
});
