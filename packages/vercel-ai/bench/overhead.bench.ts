// What `govern` costs under a plane that allows everything, and with redaction, against the same SDK without it, in one
// process. Goals are printed; fails only far beyond them. Usage: npm run bench -- vercel-ai/overhead
import { cpus } from "node:os";
import { setTimeout as wait } from "node:timers/promises";

import { createAgentPlane, rule, type AgentPlane } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { generateText, stepCountIs, streamText, tool, type Tool, type ToolExecutionOptions } from "ai";
import * as z from "zod";

import { govern, guardApproval, guardModel, guardTools } from "../src/index.ts";

const WHO = { agent: "bench", tenant: "acme", session: "s" };
/** Goals of the package, in µs and as a share. */
const GOALS = { toolUs: 20, modelUs: 50, lastToken: 0.01 };
/** How many times a goal may be exceeded before this fails: a busy machine misses a goal, a mistake misses it by far. */
const LIMIT = 4;

const quiet = { append: () => undefined, flush: () => undefined, close: () => undefined };
const passthrough = createAgentPlane({ audit: quiet });
const redacting = createAgentPlane({
  audit: quiet,
  scanner: createScanner(),
  policies: [
    { id: "r", blocking: [rule.redact({ detect: ["email", "card"], from: ["response", "result"] })] },
  ],
});

const usage = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 },
};
const finish = { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage } as const;

/** A model that answers at once, or streams 200 tokens a second. */
function fakeModel(tokens: number): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "fake.chat",
    modelId: "fake",
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: "text", text: "The order has been shipped and arrives on Monday." }],
      finishReason: finish.finishReason,
      usage,
      warnings: [],
    }),
    doStream: async () => ({
      stream: ReadableStream.from(paced(tokens)) as ReadableStream<LanguageModelV4StreamPart>,
    }),
  };
}

/** Tokens on a fixed schedule: a slow reader does not move the next one. */
async function* paced(tokens: number): AsyncGenerator<LanguageModelV4StreamPart> {
  const startedMs = performance.now();
  yield { type: "stream-start", warnings: [] };
  yield { type: "text-start", id: "t" };
  for (let token = 1; token <= tokens; token++) {
    const leftMs = startedMs + token * 5 - performance.now();
    // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
    if (leftMs > 0) await wait(leftMs);
    yield { type: "text-delta", id: "t", delta: "word " };
  }
  yield { type: "text-end", id: "t" };
  yield finish;
}

/** µs of one call in the fastest of many rounds that take turns: what else runs on the machine only ever adds. */
async function compare(
  ways: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, number>> {
  const [rounds, calls] = [101, 200];
  const times = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = -10; round < rounds; round++) {
    for (const [name, call] of Object.entries(ways)) {
      const startedMs = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      for (let at = 0; at < calls; at++) await call();
      if (round >= 0) times.get(name)?.push(((performance.now() - startedMs) * 1000) / calls);
    }
  }
  return Object.fromEntries([...times].map(([name, list]) => [name, Math.min(...list)]));
}

function medianOf(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

async function toolTimes(): Promise<Record<string, number>> {
  const plain = lookup();
  let count = 0;
  const run = (one: Tool) => (): Promise<unknown> => {
    const options: ToolExecutionOptions<unknown> = { toolCallId: `c${count++}`, messages: [], context: {} };
    // A tool with a promise, whatever its type allows.
    return one.execute?.({ id: "o1", note: "please hurry" }, options) as Promise<unknown>;
  };
  const guarded = (plane: AgentPlane): Tool => guardTools(plane, WHO, { plain }).plain;
  return compare({
    plain: run(plain),
    passthrough: run(guarded(passthrough)),
    redacting: run(guarded(redacting)),
  });
}

/** The early question of `toolApproval` alone; the call itself is decided again. */
async function approvalTimes(): Promise<Record<string, number>> {
  let count = 0;
  const ask = (approve: (question: never) => unknown) => async (): Promise<unknown> => {
    const toolCall = {
      toolName: "plain",
      toolCallId: `a${count++}`,
      input: { id: "o1", note: "please hurry" },
    };
    const question = { toolCall, tools: {}, toolsContext: {}, runtimeContext: {}, messages: [] };
    // The SDK's question, as far as it is looked at.
    return approve(question as never);
  };
  return compare({
    plain: ask(() => undefined),
    passthrough: ask(guardApproval(passthrough, WHO)),
    redacting: ask(guardApproval(redacting, WHO)),
  });
}

async function modelTimes(): Promise<Record<string, number>> {
  const options: LanguageModelV4CallOptions = {
    prompt: [
      { role: "system", content: "You help customers." },
      { role: "user", content: [{ type: "text", text: "Where is my order?" }] },
    ],
    tools: ["read", "write", "pay"].map((name) => ({
      type: "function",
      name,
      inputSchema: { type: "object" },
    })),
  };
  const run = (model: LanguageModelV4) => (): Promise<unknown> =>
    model.doGenerate(options) as Promise<unknown>;
  const plain = fakeModel(0);
  return compare({
    plain: run(plain),
    passthrough: run(guardModel(passthrough, WHO, plain)),
    redacting: run(guardModel(redacting, WHO, plain)),
  });
}

/** A whole run: a question, one tool call, the answer to it. Nobody waits for it but the model it asks twice. */
async function runTimes(): Promise<Record<string, number>> {
  let count = 0;
  const settings = () => ({
    model: callingModel(`r${count++}`),
    tools: { lookup: lookup() },
    prompt: "Where is my order?",
    stopWhen: stepCountIs(3),
  });
  return compare({
    plain: async () => generateText(settings()),
    passthrough: async () => generateText(govern(passthrough, WHO, settings())),
    redacting: async () => generateText(govern(redacting, WHO, settings())),
  });
}

/** A model that calls a tool, and then answers. */
function callingModel(toolCallId: string): LanguageModelV4 {
  const model = fakeModel(0);
  let step = 0;
  return {
    ...model,
    doGenerate: async (options) => {
      const answer = await model.doGenerate(options);
      if (step++ > 0) return answer;
      const call = { type: "tool-call", toolCallId, toolName: "lookup", input: '{"id":"o1"}' } as const;
      return { ...answer, content: [call], finishReason: { unified: "tool-calls", raw: undefined } };
    },
  };
}

function lookup(): Tool {
  return tool({
    inputSchema: z.looseObject({}),
    execute: async (input) => ({ order: input["id"], state: "shipped" }),
  });
}

function streaming(): { readonly model: LanguageModelV4; readonly prompt: string } {
  return { model: fakeModel(200), prompt: "go" };
}

/** Median ms to the last token of 200 tokens at 200 tokens/s. */
async function streamTimes(): Promise<Record<string, number>> {
  const times: Record<string, number[]> = { plain: [], passthrough: [], redacting: [] };
  const play = async (name: string, given: ReturnType<typeof streaming>): Promise<void> => {
    const startedMs = performance.now();
    for await (const part of streamText(given).fullStream) if (part.type === "finish") break;
    times[name]?.push(performance.now() - startedMs);
  };
  for (let round = 0; round < 7; round++) {
    // oxlint-disable no-await-in-loop -- one stream after the other
    await play("plain", streaming());
    await play("passthrough", govern(passthrough, WHO, streaming()));
    await play("redacting", govern(redacting, WHO, streaming()));
    // oxlint-enable no-await-in-loop
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, medianOf(list)]));
}

function row(what: string, unit: string, times: Readonly<Record<string, number>>): string {
  const plain = times["plain"] ?? Number.NaN;
  const cells = Object.values(times).map((time) => time.toFixed(1));
  const added = Object.values(times)
    .slice(1)
    .map((time) => `+${(time - plain).toFixed(1)}`);
  return `| ${what}, ${unit} | ${cells.join(" | ")} | ${added.join(" / ")} |`;
}

const [toolUs, approvalUs, modelUs] = [await toolTimes(), await approvalTimes(), await modelTimes()];
const runUs = await runTimes();
const streamMs = await streamTimes();
console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n`);
console.log("| | plain | passthrough | redacting | added |\n|---|---|---|---|---|");
console.log(row("tool call", "µs", toolUs));
console.log(row("its early question", "µs", approvalUs));
console.log(row("model call, three tools offered", "µs", modelUs));
console.log(row("generateText, two steps and one tool call", "µs", runUs));
console.log(row("200 tokens at 200/s, last token", "ms", streamMs));

const added = (times: Readonly<Record<string, number>>, name: string): number =>
  (times[name] ?? 0) - (times["plain"] ?? 0);
const measured = {
  toolUs: added(toolUs, "passthrough"),
  modelUs: added(modelUs, "passthrough"),
  lastToken: added(streamMs, "redacting") / (streamMs["plain"] ?? Number.NaN),
};
console.log(
  `\ngoals, added: a tool call ${GOALS.toolUs} µs, a model call ${GOALS.modelUs} µs, the last token ${GOALS.lastToken * 100} %`,
);
for (const name of ["toolUs", "modelUs", "lastToken"] as const) {
  if (measured[name] > GOALS[name]) console.log(`goal missed: ${name} ${measured[name].toFixed(3)}`);
  if (measured[name] > GOALS[name] * LIMIT) process.exitCode = 1;
}
