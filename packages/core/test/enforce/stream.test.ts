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
      JSON.stringify(result).includes("bomb")
        ? { answer: { answer: "block", reason: "no bombs" } }
        : undefined,
  }),
});

function benchOf(options: BenchOptions = {}): Bench {
  return createBench({ scanner, rules: [noBomb], ...options });
}

describe("redaction", () => {
  it("of any chunking is the redaction of the whole, and nothing redactable leaves early", async () => {
    const words = fc.array(
      fc.constantFrom("hello ", SECRET, "a@b.c", SECRET.slice(0, 9), "a@b", " ", "{", "é😀"),
      { maxLength: 12 },
    );
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
    const seen = await readAll(
      await openStream(bench, () => streamOf(["hello", { end: "text" }, { outputTokens: 3 }])),
    );
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
    const good = await readAll(
      await openStream(bench, () => streamOf(["all ", "is ", "well"])),
      () => (isShown = true),
    );
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
    const seen = await readAll(
      await openStream(bench, () => streamOf(["the key is ", SECRET.slice(0, 8), SECRET.slice(8), " bye"])),
    );
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

it("a stream is one decision and one outcome on the record", async () => {
  const bench = benchOf({ policies: [REDACT] });
  await readAll(await openStream(bench, () => streamOf(["a", "b", "c"])));
  expect(bench.decisions()).toHaveLength(1);
  expect(bench.outcomes()).toHaveLength(1);
});
