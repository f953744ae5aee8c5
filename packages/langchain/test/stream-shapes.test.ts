import { rule, type Policy } from "@agentplane/core";
import { ToolMessage, type AIMessageChunkFields } from "@langchain/core/messages";
import { describe, expect, it } from "vitest";

import { guardModel } from "../src/langgraph.ts";
import { planeOf } from "./governed-agent.ts";
import { PiecedModel } from "./pieced-model.ts";
import { textOf, WAYS } from "./shown-streams.ts";

const EMAIL = "bob@example.com";
const HALVES = ["bob@exam", "ple.com"] as const;
const TOKENS = HALVES.map((token) => ({ token, logprob: -1 }));
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const SCAN: Policy = { id: "s", blocking: [rule.secretScan({ channels: ["model_output"] })] };
const SECRET = /bob|@exam|ple\.com/;

const blocks = (...content: readonly object[]): AIMessageChunkFields => ({ content: content as never });
const inHalves = (made: (half: string) => AIMessageChunkFields): AIMessageChunkFields[] => HALVES.map(made);

const inCall = (chunk: object): AIMessageChunkFields => ({
  content: "",
  tool_call_chunks: [{ type: "tool_call_chunk", ...chunk }],
});

/** Ways in which providers, or models behind them, say something twice or in a place of its own. */
const SHAPES: Readonly<Record<string, readonly AIMessageChunkFields[]>> = {
  "texts without an index": inHalves((text) => blocks({ type: "text", text })),
  "thoughts without an index": inHalves((reasoning) => blocks({ type: "reasoning", reasoning })),
  "blocks of an id": inHalves((text) => blocks({ type: "text", id: "b", text })),
  "a text that goes on as blocks": [{ content: HALVES[0] }, blocks({ type: "text", text: HALVES[1] })],
  "a text that goes on as a block of an index": [
    { content: HALVES[0] },
    blocks({ type: "text", text: HALVES[1], index: 1 }),
  ],
  "a block of an index that goes on as a text": [
    blocks({ type: "text", text: HALVES[0], index: 0, annotations: [] }),
    { content: HALVES[1] },
  ],
  "a second block that goes on as a text": [
    blocks({ type: "text", text: "? ", index: 0 }),
    blocks({ type: "text", text: HALVES[0], index: 1 }),
    { content: HALVES[1] },
  ],
  "a second block, alone, that goes on as a text": [
    blocks({ type: "text", text: HALVES[0], index: 1 }),
    { content: HALVES[1] },
    { content: " ok" },
  ],
  "blocks with more than a text": inHalves((text) => blocks({ type: "text", text, annotations: [] })),
  "pieces of a call without an index": [
    inCall({ id: "c1", name: "note", args: `{"to":"${HALVES[0]}` }),
    inCall({ args: `${HALVES[1]}"}` }),
  ],
  "pieces of a call of which one has an index": [
    inCall({ index: 0, id: "c1", name: "note", args: `{"to":"${HALVES[0]}` }),
    inCall({ id: "c1", args: `${HALVES[1]}"}` }),
  ],
  "pieces of a call of which the second has an index": [
    inCall({ id: "c1", name: "note", args: `{"to":"${HALVES[0]}` }),
    inCall({ index: 0, args: `${HALVES[1]}"}` }),
  ],
  "pieces of no call": [inCall({ args: `{"to":"${HALVES[0]}` }), inCall({ args: `${HALVES[1]}"}` })],
  "metadata in pieces": inHalves((said) => ({
    content: "x",
    response_metadata: { said, in: [{ index: 0, said }] },
  })),
  "a type": [blocks({ type: EMAIL, text: "x", index: 0 })],
  "an index": [blocks({ type: "text", text: "x", index: EMAIL })],
  "a type and an index further in": [
    {
      content: "x",
      additional_kwargs: { a: { type: EMAIL }, b: { index: { c: EMAIL } }, d: { id: [EMAIL] } },
    },
  ],
  "two kinds of blocks under one index": [
    blocks({ type: "text", text: HALVES[0], index: 0 }),
    blocks({ type: "other", text: "? ", index: 0 }),
    blocks({ type: "text", text: `${HALVES[1]} ok`, index: 0 }),
  ],
  "a number and a text as indexes": [
    blocks({ type: "text", text: HALVES[0], index: 0 }),
    blocks({ type: "text", text: "? ", index: "0" }),
    blocks({ type: "text", text: `${HALVES[1]} ok`, index: 0 }),
  ],
  "blocks that take turns": [0, 1].flatMap((at) => [
    blocks({ type: "text", text: HALVES[at], index: 0 }),
    blocks({ type: "text", text: "? ", index: 1 }),
  ]),
  "log probabilities of a raw response": [
    {
      content: "x",
      additional_kwargs: { __raw_response: { choices: [{ index: 0, logprobs: { content: TOKENS } }] } },
    },
  ],
  "log probabilities of a block": [blocks({ type: "text", text: "x", index: 0, logprobs: TOKENS })],
  "log probabilities of an output": [
    { content: "x", response_metadata: { output: [{ content: [{ text: "x", logprobs: TOKENS }] }] } },
  ],
  "a name": [{ content: "x", name: EMAIL }],
  "ids that change": HALVES.map((content) => ({ id: `of ${content.length}`, content })),
  "a transcript": inHalves((transcript) => ({
    content: "",
    additional_kwargs: { audio: { id: "a", transcript } },
  })),
  "a refusal": inHalves((refusal) => ({ content: "", additional_kwargs: { refusal } })),
};

/** LangChain makes such a text one of the first block, wherever it came: what stands across the two is in no block. */
const isTornApart = (way: string, shape: string): boolean =>
  way === "an agent's events v3" && shape.startsWith("a second block");

const CASES = Object.keys(WAYS)
  .flatMap((way) => Object.keys(SHAPES).map((shape) => ({ way, shape })))
  .filter(({ way, shape }) => !isTornApart(way, shape));

describe.each(CASES)("$shape in $way", ({ way, shape }) => {
  it("shows no secret, at no time", async () => {
    const shown = await WAYS[way]?.(planeOf([REDACT]), new PiecedModel(SHAPES[shape] ?? []));
    expect(JSON.stringify(shown?.pieces)).not.toMatch(SECRET);
    expect(JSON.stringify(shown?.answer?.toDict() ?? null)).not.toMatch(SECRET);
  });
});

describe.each(Object.keys(WAYS))("names in pieces in %s", (way) => {
  it("are not told piece by piece", async () => {
    const pieces = HALVES.map((name, at) => ({
      ...inCall({ index: 0, name, args: at === 0 ? "{}" : "", ...(at === 0 && { id: "c1" }) }),
      name,
    }));
    const shown = await WAYS[way]?.(planeOf([REDACT]), new PiecedModel(pieces));
    // A tool's message is about the call that the agent has made of it.
    const told = shown?.pieces.filter((piece) => !ToolMessage.isInstance(piece));
    expect(JSON.stringify(told)).not.toContain(HALVES[1]);
  });
});

describe("several answers to one prompt", () => {
  const PIECES = [HALVES[0], "so ", HALVES[1], "it is"].map((content) => ({ content }));
  const info = (at: number): Record<string, unknown> => ({ completion: at % 2 });

  it("are redacted each for itself, though they come side by side", async () => {
    const told: string[][] = [[], []];
    const handleLLMNewToken = (token: string, at: { readonly completion: number }): void =>
      void told[at.completion]?.push(token);
    const model = guardModel(planeOf([REDACT]), { agent: "a" }, new PiecedModel(PIECES, { info }));
    const texts: string[][] = [[], []];
    for await (const chunk of await model.stream("go", { callbacks: [{ handleLLMNewToken }] }))
      texts[Number(chunk.response_metadata["completion"] ?? 0)]?.push(chunk.text);
    for (const all of [told, texts])
      expect(all.map((each) => each.join(""))).toEqual(["[EMAIL]", "so it is"]);
  });

  it("are judged each for itself", async () => {
    const key = ["AKIAQ3EG", "so ", "RPX2LT7VNMKZ", "it is"].map((content) => ({ content }));
    const model = guardModel(planeOf([SCAN]), { agent: "a" }, new PiecedModel(key, { info }));
    let text = "";
    for await (const chunk of await model.stream("go")) text += chunk.text;
    expect(text).toContain("secret");
    expect(text).not.toContain("so ");
  });

  it("are shown, all of them, once they were judged", async () => {
    const clean = new PiecedModel([{ content: "one " }, { content: "two " }], { info });
    let text = "";
    for await (const chunk of await guardModel(planeOf([SCAN]), { agent: "a" }, clean).stream("go"))
      text += chunk.text;
    expect(text).toBe("one two ");
  });
});

describe("a text before blocks", () => {
  it("is shown before them", async () => {
    const pieces = [{ content: "first " }, blocks({ type: "text", text: "second", index: 0 })];
    const shown = await WAYS["a guarded model's chunks"]?.(planeOf([REDACT]), new PiecedModel(pieces));
    expect(shown?.pieces.map((piece) => textOf(piece, "text")).join("")).toBe("first second");
    expect(shown?.answer?.text).toBe("first second");
  });
});
