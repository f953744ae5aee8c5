import { expect, it } from "vitest";
import { z } from "zod";

import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, type Bench, type BenchOptions } from "../plane/bench.ts";
import { openStream, readAll, streamOf } from "./streams.ts";

/** A rule that judges a response as a whole. */
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
const JUDGE = blocking("judge", [{ rule: "noBomb" }]);
const scanner = createFakeScanner([{ name: "email", family: "pii", texts: ["a@b.c"] }]);

function benchOf(options: BenchOptions = {}): Bench {
  return createBench({
    scanner,
    rules: [noBomb],
    stream: { onWhole: "exposePrefix" },
    policies: [JUDGE],
    ...options,
  });
}

it("lets the beginning leave before the whole is judged, and withholds what is left", async () => {
  const bench = benchOf();
  const seen = await readAll(await openStream(bench, () => streamOf(["how to ", "build a ", "bomb"])));
  expect(seen.text).toContain("how to ");
  expect(seen.error).toMatchObject({ code: "policy_blocked", policyId: "judge" });
  expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
});

it("is recorded, once per stream and with the rules that came too late", async () => {
  const bench = benchOf();
  const opened = await openStream(bench, () => streamOf(["fine"]), { callId: "c1" });
  expect((await readAll(opened)).text).toBe("fine");
  expect(bench.controls("stream_prefix_exposed")).toMatchObject([
    { subject: "bot", data: { rules: ["judge/noBomb"], tenant: "acme", callId: "c1", model: "m" } },
  ]);
});

it("still holds back what is redacted", async () => {
  const bench = benchOf({ policies: [JUDGE, blocking("r", [rule.redact({ detect: ["email"] })])] });
  const seen = await readAll(await openStream(bench, () => streamOf(["mail a@", "b.c now"])), (shown) => {
    expect(shown).not.toContain("a@");
  });
  expect(seen.text).toBe("mail [EMAIL] now");
});

it("does not concern a redaction that needs the whole text: nothing of it leaves, and nothing is recorded", async () => {
  const bench = benchOf({ policies: [JUDGE, blocking("r", [rule.redact({ fields: ["ssn"] })])] });
  const seen = await readAll(await openStream(bench, () => streamOf(["a ", "bomb"])));
  expect(seen.text).toBe("");
  expect(bench.controls("stream_prefix_exposed")).toStrictEqual([]);
});

it("buffers by default, and records nothing where no rule needs the whole", async () => {
  const buffered = createBench({ rules: [noBomb], policies: [JUDGE] });
  expect((await readAll(await openStream(buffered, () => streamOf(["a ", "bomb"])))).text).toBe("");
  const plain = benchOf({ policies: [] });
  expect((await readAll(await openStream(plain, () => streamOf(["a ", "bomb"])))).text).toBe("a bomb");
  for (const bench of [buffered, plain]) expect(bench.controls("stream_prefix_exposed")).toStrictEqual([]);
});
