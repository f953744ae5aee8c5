// What `govern` costs under a plane that allows everything, and with redaction, against the same SDK without it, in one
// process. Goals are printed; fails only far beyond them. Usage: npm run bench -- vercel-ai/overhead
import { printMachine, report, type Figure } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";
import { createAgentPlane, rule, type AgentPlane } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import type { LanguageModelV4, LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { generateText, stepCountIs, tool, type Tool, type ToolExecutionOptions } from "ai";
import * as z from "zod";

import { govern, guardApproval, guardModel, guardTools } from "../src/index.ts";
import { fakeModel } from "./fake-model.ts";
import { holdBackMs, streamTimes, TOKENS } from "./stream-times.ts";

const WHO = { agent: "bench", tenant: "acme", session: "s" };
/**
 * Goals of the package. The first token may wait for as long as what its rules hold back takes to arrive, and then for
 * one `interMs`; no goal for it, and none between tokens, where a rule must see the whole answer.
 */
const GOALS = { toolUs: 20, modelUs: 50, interMs: 1, lastToken: 0.01 };
/** How many times a goal may be exceeded before this fails: a busy machine misses a goal, a mistake misses it by far. */
const LIMITS = { call: 2.5, stream: 2 };

const quiet = { append: () => undefined, flush: () => undefined, close: () => undefined };
const passthrough = createAgentPlane({ audit: quiet });
const redacting = createAgentPlane({
  audit: quiet,
  scanner: createScanner(),
  policies: [
    { id: "r", blocking: [rule.redact({ detect: ["email", "card"], from: ["response", "result"] })] },
  ],
});
/** A rule that must see the whole answer before any of it may leave. */
const judging = createAgentPlane({
  audit: quiet,
  scanner: createScanner(),
  policies: [{ id: "p", blocking: [rule.piiBlock({ detect: ["email"], channels: ["model_output"] })] }],
});

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

function row(what: string, unit: string, times: Readonly<Record<string, number>>): string {
  const plain = times["plain"] ?? Number.NaN;
  const cells = Object.values(times).map((time) => time.toFixed(1));
  const added = Object.values(times)
    .slice(1)
    .map((time) => `+${(time - plain).toFixed(1)}`);
  return `| ${what}, ${unit} | ${cells.join(" | ")} | ${added.join(" / ")} |`;
}

/** What a stream is measured under, with its name in the table. */
const STREAMS = { passthrough, redacting, "whole-response rule": judging };

function cell(time: number | undefined, from: number | undefined): string {
  if (time === undefined || from === undefined) return "all at once";
  return `${time.toFixed(2)} (${(time - from).toFixed(2)})`;
}

/** Prints when the tokens of each stream arrive, and gives what is wanted of them. */
async function streamGoals(): Promise<readonly Figure[]> {
  const times = await streamTimes(WHO, STREAMS);
  const plain = times["plain"];
  if (plain === undefined) throw new Error("nothing to compare with");
  console.log(
    `\n| ${TOKENS} tokens at 200/s, ms (added) | first token | inter-token p50 | last token |\n|---|---|---|---|`,
  );
  for (const [name, { firstToken, interToken, lastToken }] of Object.entries(times)) {
    const cells = [
      cell(firstToken, plain.firstToken),
      cell(interToken, plain.interToken),
      cell(lastToken, plain.lastToken),
    ];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
  return Object.entries(STREAMS).flatMap(([name, plane]) => {
    const { firstToken, interToken, lastToken } = times[name] ?? plain;
    const goal = (what: string, measured: number, wanted: number, unit: string): Figure => ({
      name: `${name}, ${what}, ${unit}`,
      measured,
      goal: wanted,
      limit: wanted * LIMITS.stream,
    });
    const last = goal(
      "last token",
      (100 * (lastToken - plain.lastToken)) / plain.lastToken,
      100 * GOALS.lastToken,
      "%",
    );
    const heldMs = holdBackMs(plane, WHO);
    if (heldMs === undefined) return [last];
    return [
      goal("first token", firstToken - plain.firstToken, heldMs + GOALS.interMs, "ms"),
      goal("inter-token p50", (interToken ?? Number.NaN) - (plain.interToken ?? 0), GOALS.interMs, "ms"),
      last,
    ];
  });
}

const [toolUs, approvalUs, modelUs] = [await toolTimes(), await approvalTimes(), await modelTimes()];
const runUs = await runTimes();
printMachine();
console.log("| | plain | passthrough | redacting | added |\n|---|---|---|---|---|");
console.log(row("tool call", "µs", toolUs));
console.log(row("its early question", "µs", approvalUs));
console.log(row("model call, three tools offered", "µs", modelUs));
console.log(row("generateText, two steps and one tool call", "µs", runUs));

const call = (name: string, times: Readonly<Record<string, number>>, goal: number): Figure => ({
  name: `added to a ${name}, µs`,
  measured: (times["passthrough"] ?? Number.NaN) - (times["plain"] ?? 0),
  goal,
  limit: goal * LIMITS.call,
  isOfWork: true,
});
const streams = await streamGoals();
report(
  [call("tool call", toolUs, GOALS.toolUs), call("model call", modelUs, GOALS.modelUs), ...streams],
  await slowness(),
);
