/**
 * What governing adds to a model call of the `openai` client, beside the same client without it, in one process: a
 * provider in memory, a plane with a policy that matches and allows. Fails above 100 µs (goal 50).
 * Run: node --conditions=agentplane-source packages/openai/bench/overhead.bench.ts
 */
import { createAgentPlane, rule } from "@agentplane/core";
import OpenAI from "openai";

import { govern, guardFunctions } from "../src/index.ts";

const ROUNDS = 41;
const CALLS = 200;
const GOAL_US = { model: 50, tool: 20 };
const LIMIT_US = { model: 100, tool: 40 };

const answer = JSON.stringify({
  id: "chat_1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "hello there" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
});
const fetch = async (): Promise<Response> =>
  new Response(answer, { headers: { "content-type": "application/json" } });

const plane = createAgentPlane({
  policies: [{ id: "pass", blocking: [rule.condition({ where: { agent: "writer" }, then: "allow" })] }],
});
const identity = { agent: "writer", tenant: "acme", session: "s1" };
const bare = new OpenAI({ apiKey: "test", fetch });
const governed = govern(plane, identity, bare);
const [tool] = guardFunctions(plane, identity, [
  { type: "function", function: { name: "find", function: async (input: unknown) => input } },
]);
if (tool === undefined) throw new Error("guardFunctions gave no tool");

async function usPerCall(call: () => Promise<unknown>): Promise<number> {
  // Time of this process alone: what else the machine does is not measured.
  const from = process.cpuUsage();
  // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
  for (let at = 0; at < CALLS; at++) await call();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / CALLS;
}

/** The median of what the second adds to the first: what disturbs a round disturbs both. */
async function addedUs(plain: () => Promise<unknown>, ours: () => Promise<unknown>): Promise<number> {
  const added: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // oxlint-disable-next-line no-await-in-loop
    added.push(-(await usPerCall(plain)) + (await usPerCall(ours)));
  }
  return added.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? NaN;
}

const request = { model: "m", messages: [{ role: "user" as const, content: "hello" }] };
const model = await addedUs(
  () => bare.chat.completions.create(request),
  () => governed.chat.completions.create(request),
);
const raw = async (input: unknown): Promise<unknown> => input;
const run = tool.function.function;
const toolUs = await addedUs(
  () => raw({ a: 1 }),
  () => run({ a: 1 }),
);
await plane.close();

console.log("| added per call | µs of CPU, p50 | goal |\n| --- | --- | --- |");
console.log(`| model call (chat.completions.create) | ${model.toFixed(1)} | ${GOAL_US.model} |`);
console.log(`| function of runTools | ${toolUs.toFixed(1)} | ${GOAL_US.tool} |`);
if (model > GOAL_US.model || toolUs > GOAL_US.tool) console.log("goal missed");
if (model > LIMIT_US.model || toolUs > LIMIT_US.tool) process.exitCode = 1;
