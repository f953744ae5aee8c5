import type { Policy } from "@agentplane/core";
import { createTestPorts } from "@agentplane/core/testing";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { generateText, Output, stepCountIs, streamText, tool, type ModelMessage, type ToolSet } from "ai";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

/** Would block, redact and limit everything, if it were in force. */
const CANDIDATE: Policy = {
  id: "candidate",
  mode: "shadow",
  blocking: [
    { rule: "denylist", tools: ["*"] },
    { rule: "redact", detect: ["email"], from: ["result", "response", "prompt", "input"] },
    { rule: "rate", limit: 0, window: "1h" },
    { rule: "tokenBudget", maxTokens: 1, window: "1h" },
    { rule: "piiBlock", detect: ["email"] },
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    { rule: "condition", where: { tool: "*" }, then: "escalate" },
  ],
};
const PLANES = { "a plane that allows everything": [], "a policy in shadow": [CANDIDATE] } as const;

const word = fc.constantFrom("hello ", "bob@example.com ", "", "ünïcödé ", '"quoted" ', '{"a":1} ');
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Record<string, unknown>>;
const call = fc.record({
  name: fc.constantFrom("promise", "generator", "failing", "asking", "denied", "missing", "browser"),
  input: fc.record({ text: word, more: json }),
});
const turn: fc.Arbitrary<Turn> = fc.record(
  {
    text: fc.array(word, { maxLength: 4 }).map((words) => words.join("")),
    reasoning: word,
    calls: fc.array(call, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** Tools of every nature, and what they were executed with. */
function toolsOf(runs: unknown[]): ToolSet {
  const inputSchema = z.looseObject({});
  const note = (name: string, input: unknown): void => void runs.push(structuredClone([name, input]));
  return {
    promise: tool({ inputSchema, execute: async (input) => (note("promise", input), { given: input }) }),
    generator: tool({
      inputSchema,
      async *execute(input) {
        note("generator", input);
        yield { step: 1, given: input };
        yield { step: 2, given: input };
      },
    }),
    failing: tool({
      inputSchema,
      execute: async (input): Promise<string> => {
        note("failing", input);
        throw new TypeError("failed for bob@example.com");
      },
    }),
    asking: tool({ inputSchema, needsApproval: true, execute: async (input) => note("asking", input) }),
    denied: tool({ inputSchema, execute: async (input) => note("denied", input) }),
    browser: { inputSchema, outputSchema: z.unknown() },
  };
}

/** Everything that can be seen of a run. */
async function play(
  turns: readonly Turn[],
  isStreaming: boolean,
  policies: readonly Policy[] | undefined,
): Promise<unknown> {
  const runs: unknown[] = [];
  const model = new ScriptedModel(turns);
  const messages: ModelMessage[] = [{ role: "user", content: "go, bob@example.com" }];
  let ids = 0;
  const events: unknown[] = [];
  const base = {
    model,
    tools: toolsOf(runs),
    toolApproval: { denied: "denied" as const },
    messages,
    stopWhen: stepCountIs(4),
    _internal: { generateId: () => `id-${ids++}`, now: () => 0 },
    onStepEnd: () => {
      throw new Error("hooks of the application fail");
    },
    onToolExecutionEnd: ({ toolOutput }: { readonly toolOutput: unknown }) => void events.push(toolOutput),
  };
  const settings =
    policies === undefined
      ? base
      : govern(planeOf(policies, { ports: createTestPorts() }), WHO, base as never);
  const seen: unknown[] = [];
  let result;
  if (isStreaming) {
    const streamed = streamText({ ...settings, onError: () => undefined });
    for await (const part of streamed.fullStream) seen.push(part);
    result = {
      steps: await streamed.steps,
      usage: await streamed.totalUsage,
      response: await streamed.response,
    };
  } else {
    const { steps, totalUsage: usage, response } = await generateText(settings as never);
    result = { steps, usage, response };
  }
  const requests = model.requests.map(({ abortSignal: _signal, ...request }) => request);
  return plain({ runs, seen: byCall(seen), events: byCall(events), requests, ...result });
}

/** Calls of one turn run side by side: what is told of each keeps its order, whichever is faster. */
function byCall(parts: readonly unknown[]): readonly unknown[] {
  const callOf = (part: unknown): string =>
    typeof part === "object" && part !== null && "toolCallId" in part ? String(part.toolCallId) : "";
  return parts.toSorted((a, b) => callOf(a).localeCompare(callOf(b)));
}

/** Data without what differs from run to run: times and ids that the SDK draws. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (["timestamp", "performance", "callId", "toolExecutionMs", "headers"].includes(key)) return undefined;
    if (key === "id" && typeof member === "string" && member.startsWith("aitxt")) return undefined;
    return member instanceof Error ? { name: member.name, message: member.message } : member;
  });
  return JSON.parse(text);
}

describe("what changes nothing", () => {
  for (const [what, policies] of Object.entries(PLANES))
    for (const isStreaming of [false, true])
      it(`${what}: steps, parts, prompts, executions and events are those of a plain ${isStreaming ? "stream" : "call"}`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 4 }), async (turns) => {
            expect(await play(turns, isStreaming, policies)).toEqual(
              await play(turns, isStreaming, undefined),
            );
          }),
          { numRuns: 60 },
        );
      });

  it("holds back nothing of a stream: each part is shown before the next one comes", async () => {
    const parts: LanguageModelV4StreamPart[] = [
      { type: "stream-start", warnings: [] },
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "to bob@" },
      { type: "text-delta", id: "t", delta: "example.com" },
    ];
    const model = new ScriptedModel([]);
    let source: ReadableStreamDefaultController<LanguageModelV4StreamPart> | undefined;
    model.doStream = async () => ({ stream: new ReadableStream({ start: (to) => void (source = to) }) });
    const { model: governed } = govern(planeOf([CANDIDATE]), WHO, { model });
    const opened = governed.doStream({ prompt: [] });
    await expect.poll(() => source).toBeDefined();
    source?.enqueue({ type: "stream-start", warnings: [] });
    const reader = (await opened).stream.getReader();
    for (const [at, part] of parts.entries()) {
      if (at > 0) source?.enqueue(part);
      // oxlint-disable-next-line no-await-in-loop -- one part after the other
      expect((await reader.read()).value).toEqual(part);
    }
    await reader.cancel();
  });

  it("leaves structured output and its type alone", async () => {
    const model = new ScriptedModel([{ text: '{"mail":"bob@example.com"}' }]);
    const output = Output.object({ schema: z.object({ mail: z.string() }) });
    const result = await generateText(govern(planeOf([CANDIDATE]), WHO, { model, prompt: "go", output }));
    const mail: string = result.output.mail;
    expect(mail).toBe("bob@example.com");
  });
});
