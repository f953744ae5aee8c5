import { rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { generateText, jsonSchema, Output, streamText, tool } from "ai";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { EMAIL, planeOf, WHO } from "./planes.ts";
import { ScriptedModel, USAGE, type Turn } from "./scripted-model.ts";

const CARD = "4111 1111 1111 1111";
const SSN = '{"ssn":"536-22-8145","name":"Jo"}';

function redacting(what: {
  readonly detect?: readonly string[];
  readonly fields?: readonly string[];
}): Policy {
  return {
    id: Object.values(what).flat().join("-"),
    blocking: [rule.redact({ ...what, from: ["response"] })],
  };
}

const RULE_SETS: Readonly<Record<string, readonly Policy[]>> = {
  "an address": [redacting({ detect: ["email"] })],
  "a card number": [redacting({ detect: ["card"] })],
  "a member of JSON": [redacting({ fields: ["ssn"] })],
  "all of them, by rules of their own": [
    redacting({ detect: ["email"] }),
    redacting({ detect: ["card"] }),
    redacting({ fields: ["ssn"] }),
  ],
};

/** More than is ever held back, so that what follows comes while text is being shown. */
const LEAD = "well then, ".repeat(40);
const FINDINGS = [EMAIL, CARD, SSN];
/** None that becomes a finding only once another was replaced, as over-long local parts do: the whole is read again then. */
const HALVES = [EMAIL.slice(0, 6), CARD.slice(0, 12), "@example.com", "4111", "1111", "1".repeat(30)];
const BETWEEN = [...Array.from(' \n"\\{}[@.-é😀'), "\\n", "%20", "\\u0040", " order "];
const BLOCKS = ["\n```json\n", "\n```\n"];

/** Findings, halves of them, and what stands between or touches them. */
const words = fc
  .tuple(
    fc.constantFrom("", LEAD, LEAD),
    fc.array(
      fc.oneof(
        { arbitrary: fc.constantFrom(...FINDINGS), weight: 4 },
        { arbitrary: fc.constantFrom(...HALVES), weight: 2 },
        { arbitrary: fc.constantFrom(...BETWEEN), weight: 6 },
        { arbitrary: fc.constantFrom(...BLOCKS), weight: 1 },
      ),
      { minLength: 1, maxLength: 14 },
    ),
  )
  // A space after each break: JSON writes it as \n, of which redaction may take the n for the start of an address and leave
  // the backslash, which is no JSON any more, streamed or not.
  .map(([lead, pieces]) => (lead + pieces.join("")).replaceAll("\n", "\n "));
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 });

/** A text in pieces of these sizes, over and over; surrogate pairs are cut too. */
function cut(text: string, lengths: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

/** What a turn says, as parts of a stream: reasoning, text and the input of a call, each in its pieces. */
function inPieces(turn: Turn, lengths: readonly number[]): readonly LanguageModelV4StreamPart[] {
  const parts: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings: [] }];
  for (const kind of ["reasoning", "text"] as const) {
    parts.push({ type: `${kind}-start`, id: kind });
    for (const delta of cut(turn[kind] ?? "", lengths))
      parts.push({ type: `${kind}-delta`, id: kind, delta });
    parts.push({ type: `${kind}-end`, id: kind });
  }
  for (const { name, input: value } of turn.calls ?? []) {
    const [id, input] = ["c1", JSON.stringify(value)];
    parts.push({ type: "tool-input-start", id, toolName: name });
    for (const delta of cut(input, lengths)) parts.push({ type: "tool-input-delta", id, delta });
    parts.push({ type: "tool-input-end", id }, { type: "tool-call", toolCallId: id, toolName: name, input });
  }
  const unified = turn.calls === undefined ? "stop" : "tool-calls";
  return [...parts, { type: "finish", finishReason: { unified, raw: undefined }, usage: USAGE }];
}

interface Said {
  readonly reasoning: string | undefined;
  readonly text: string;
  /** What a tool was called with. */
  readonly inputs: readonly unknown[];
}

function settingsOf(policies: readonly Policy[], turn: Turn) {
  const inputs: unknown[] = [];
  const deltas: string[] = [];
  const send = tool({
    inputSchema: jsonSchema({ type: "object" }),
    onInputDelta: ({ inputTextDelta }) => void deltas.push(inputTextDelta),
    execute: async (input) => void inputs.push(input),
  });
  const settings = { model: new ScriptedModel([turn]), tools: { send }, prompt: "go" };
  return { inputs, deltas, settings: govern(planeOf(policies), WHO, settings) };
}

async function whole(policies: readonly Policy[], turn: Turn): Promise<Said> {
  const { inputs, settings } = settingsOf(policies, turn);
  const { reasoningText, text } = await generateText(settings);
  return { reasoning: reasoningText, text, inputs };
}

/** The same from a stream, put together from what it showed on its way. */
async function streamed(policies: readonly Policy[], parts: readonly LanguageModelV4StreamPart[]) {
  const { inputs, deltas, settings } = settingsOf(policies, { parts });
  const shown = { reasoning: "", text: "" };
  for await (const part of streamText(settings).fullStream) {
    if (part.type === "text-delta") shown.text += part.text;
    if (part.type === "reasoning-delta") shown.reasoning += part.text;
  }
  return { said: { ...shown, inputs }, typed: JSON.parse(deltas.join("")) as unknown };
}

const SHAPE = Output.object({ schema: z.object({ note: z.string(), ssn: z.string() }) });

describe.each(Object.entries(RULE_SETS))("redacting %s from a stream", (_name, policies) => {
  it("shows of any chunking what the whole answer shows: text, reasoning, tool input", async () => {
    await fc.assert(
      fc.asyncProperty(words, words, sizes, async (text, reasoning, lengths) => {
        const turn = {
          text,
          reasoning,
          calls: [{ id: "c1", name: "send", input: { note: text, ssn: reasoning } }],
        };
        const expected = await whole(policies, turn);
        const { said, typed } = await streamed(policies, inPieces(turn, lengths));
        expect(said).toStrictEqual(expected);
        expect([typed]).toStrictEqual(expected.inputs);
      }),
      { numRuns: 25 },
    );
  });

  it("shows of any chunking what the whole answer shows: structured output", async () => {
    await fc.assert(
      fc.asyncProperty(words, words, sizes, async (note, ssn, lengths) => {
        const turn = { text: JSON.stringify({ note, ssn }) };
        const settings = (given: Turn) => ({ ...settingsOf(policies, given).settings, output: SHAPE });
        const expected = await generateText(settings(turn));
        const result = streamText(settings({ parts: inPieces(turn, lengths) }));
        let shown = "";
        for await (const part of result.fullStream) if (part.type === "text-delta") shown += part.text;
        expect(shown).toBe(expected.text);
        expect(await result.output).toStrictEqual(expected.output);
      }),
      { numRuns: 10 },
    );
  });
});
