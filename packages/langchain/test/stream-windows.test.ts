import { rule, type Policy } from "@agentplane/core";
import type { AIMessage, AIMessageChunkFields } from "@langchain/core/messages";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { guardModel } from "../src/langgraph.ts";
import { planeOf } from "./governed-agent.ts";
import { PiecedModel } from "./pieced-model.ts";
import { textOf, WAYS } from "./shown-streams.ts";

const EMAIL = "bob@example.com";
const CARD = "4111 1111 1111 1111";
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email", "card"] })] };
/** More than is ever held back. */
const LEAD = "well then, ".repeat(60);

const text = (content: string): AIMessageChunkFields => ({ content });
const block = (part: string): AIMessageChunkFields => ({
  content: [{ type: "text", text: part, index: 0 }] as never,
});
const thought = (reasoning: string): AIMessageChunkFields => ({
  content: [{ type: "reasoning", reasoning, index: 0 }] as never,
});
const call = (args: string, at: number): AIMessageChunkFields => ({
  content: "",
  tool_call_chunks: [
    { type: "tool_call_chunk", index: 0, args, ...(at === 0 && { id: "call_1", name: "note" }) },
  ],
});

/** What carries text in an answer, and how it reads in the end. */
const CARRIERS = {
  text: { made: text, member: "text", said: (answer: AIMessage) => answer.text },
  "blocks of text": { made: block, member: "text", said: (answer: AIMessage) => answer.text },
  "blocks of reasoning": {
    made: thought,
    member: "reasoning",
    said: ({ content }: AIMessage) =>
      (content as unknown as { reasoning: string }[]).map(({ reasoning }) => reasoning).join(""),
  },
} as const;

const CASES = Object.keys(WAYS).flatMap((way) =>
  (Object.keys(CARRIERS) as (keyof typeof CARRIERS)[]).map((carrier) => ({ way, carrier })),
);

const words = fc
  .tuple(
    fc.constantFrom("", LEAD),
    fc.array(
      fc.oneof(
        { arbitrary: fc.constantFrom(EMAIL, CARD), weight: 3 },
        { arbitrary: fc.constantFrom("bob@exam", "4111 1111 1", "@example.com", "1".repeat(30)), weight: 2 },
        { arbitrary: fc.constantFrom(...Array.from(' \n"\\{}[]@.-é😀'), " order "), weight: 5 },
      ),
      { minLength: 1, maxLength: 12 },
    ),
  )
  // A space after each break: JSON writes it as \\n, of which redaction may take the n for the start of an address.
  .map(([lead, parts]) => `it says ${lead}${parts.join("").replaceAll("\n", "\n ")}`);
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

function cut(whole: string, lengths: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(whole.slice(at, at + length));
    at += length;
  }
  return pieces;
}

/** The whole answer as rules leave it, unstreamed. */
async function judged(pieces: readonly AIMessageChunkFields[]): Promise<AIMessage> {
  return guardModel(planeOf([REDACT]), { agent: "a" }, new PiecedModel(pieces)).invoke("go");
}

describe.each(CASES)("$carrier in $way", ({ way, carrier }) => {
  const { made, member, said } = CARRIERS[carrier];

  it("leaves before the answer has ended, where a rule only redacts", async () => {
    let open: (() => void) | undefined;
    const seen = new Promise<void>((resolve) => (open = resolve));
    const pieces = [...cut(LEAD, [20]), EMAIL].map(made);
    // The last piece comes once something was seen: else it never comes.
    const model = new PiecedModel(pieces, { before: (at) => (at === pieces.length - 1 ? seen : undefined) });
    const { pieces: shown } = (await WAYS[way]?.(planeOf([REDACT]), model, (piece) => {
      if (textOf(piece, member) !== "") open?.();
    })) ?? { pieces: [] };
    const all = shown.map((piece) => textOf(piece, member)).join("");
    expect(all).toBe(`${LEAD}[EMAIL]`);
  });

  it("reads in any pieces as it does in one", async () => {
    await fc.assert(
      fc.asyncProperty(words, sizes, async (whole, lengths) => {
        const pieces = cut(whole, lengths).map(made);
        const shown = await WAYS[way]?.(planeOf([REDACT]), new PiecedModel(pieces));
        const expected = said(await judged([made(whole)]));
        expect(shown?.pieces.map((piece) => textOf(piece, member)).join("")).toBe(expected);
        // Events of a model alone have no answer beside them.
        expect(shown?.answer === undefined ? expected : said(shown.answer)).toBe(expected);
      }),
      { numRuns: 15 },
    );
  });
});

describe.each(Object.keys(WAYS))("arguments of a call in %s", (way) => {
  it("read in any pieces as they do in one", async () => {
    await fc.assert(
      fc.asyncProperty(words, sizes, async (whole, lengths) => {
        const pieces = cut(JSON.stringify({ to: whole }), lengths).map(call);
        const [expected] = (await judged([call(JSON.stringify({ to: whole }), 0)])).tool_calls ?? [];
        const shown = await WAYS[way]?.(planeOf([REDACT]), new PiecedModel(pieces));
        const args = shown?.pieces.map((piece) => textOf(piece, "args")).join("") ?? "";
        expect(JSON.parse(args)).toStrictEqual(expected?.args);
        const called = { id: "call_1", name: "note", args: expected?.args };
        expect(shown?.answer?.tool_calls ?? [called]).toMatchObject([called]);
      }),
      { numRuns: 15 },
    );
  });
});

describe.each(Object.keys(WAYS))("what stands beside the text in %s", (way) => {
  const TOKENS = ["bob", "@exam", "ple.com"];

  it("does not repeat it token by token", async () => {
    const info = { logprobs: { content: TOKENS.map((token) => ({ token, logprob: -1 })) } };
    const model = new PiecedModel(TOKENS.map(text), { info: () => info });
    const shown = JSON.stringify(await WAYS[way]?.(planeOf([REDACT]), model));
    expect(shown).toContain("[EMAIL]");
    expect(shown).not.toMatch(/bob|ple\.com/);
  });

  it("is redacted where it is whole: names, metadata, thoughts beside the content", async () => {
    const pieces = TOKENS.map((token) => ({
      content: "x",
      additional_kwargs: { reasoning_content: token, reasoning: { summary: [{ index: 0, text: token }] } },
      response_metadata: { seen: { [EMAIL]: [EMAIL] } },
    }));
    const shown = JSON.stringify(await WAYS[way]?.(planeOf([REDACT]), new PiecedModel(pieces)));
    expect(shown).not.toMatch(/bob|@exam|ple\.com/);
  });

  it("is not shown in pieces where a rule must see the end", async () => {
    const whole: Policy = { id: "w", blocking: [rule.redact({ fields: ["ssn"], detect: ["email"] })] };
    const shownAt: number[] = [];
    let early = 0;
    const pieces = cut(LEAD, [20]).map(text);
    const model = new PiecedModel(pieces, { before: () => (early = shownAt.length) });
    const shown = await WAYS[way]?.(planeOf([whole]), model, (piece) => {
      const { length } = textOf(piece, "text");
      if (length > 0) shownAt.push(length);
    });
    expect(shown?.answer?.text ?? LEAD).toBe(LEAD);
    expect(early).toBe(0);
    expect(shownAt.filter((length) => length !== LEAD.length)).toEqual([]);
  });
});

describe("items of a list that share an index", () => {
  it("keep their own texts where their ids differ", async () => {
    const one = {
      type: "tool_call_chunk",
      index: 0,
      id: "call_1",
      name: "note",
      args: `{"to":"${EMAIL}"}`,
    } as const;
    const two = { ...one, id: "call_2", args: '{"to":"ann"}' } as const;
    const pieces = [one, two].map((part) => ({ content: "", tool_call_chunks: [part] }));
    const shown = await WAYS["a guarded model's chunks"]?.(planeOf([REDACT]), new PiecedModel(pieces));
    expect(shown?.answer?.tool_calls).toMatchObject([
      { id: "call_1", args: { to: "[EMAIL]" } },
      { id: "call_2", args: { to: "ann" } },
    ]);
  });
});

describe("an answer that is cut in the middle", () => {
  it.each(Object.keys(WAYS))("shows nothing that was still held in %s", async (way) => {
    const plane = planeOf([REDACT]);
    const pieces = [...cut(LEAD, [20]), "still held "].map(text);
    const seen: string[] = [];
    const model = new PiecedModel([...pieces, text("more")], {
      before: (at) =>
        at === pieces.length
          ? plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "ops" })
          : undefined,
    });
    const shown = WAYS[way]?.(plane, model, (piece) => seen.push(textOf(piece, "text")));
    await Promise.resolve(shown).catch(() => undefined);
    expect(seen.join("")).toMatch(/^well then/);
    expect(seen.join("")).not.toContain("still held");
  });
});
