/**
 * What governing adds to a model call of the `openai` client and to a function of `runTools`, beside the same without
 * it, in one process: a provider in memory, a plane with a policy that matches and allows, nothing kept of its records.
 * The second row is the plane's decision and outcome next to a call that the adapter does not touch: code that takes
 * 20 µs in a loop of its own costs more than twice that between the SDK's, so the difference is the adapter's share.
 * Goals are printed; fails only beyond four times a goal. Run: npm run bench -- openai/overhead
 */
import { createAgentPlane, rule, type PlaneOptions } from "@agentplane/core";
import OpenAI from "openai";

import { govern, guardFunctions } from "../src/index.ts";

const [WARM_UP, ROUNDS, CALLS] = [20, 60, 300];
const GOAL_US = { model: 50, mayAsk: 50, tool: 20 };
const LIMIT = 4;

const completion = {
  id: "chat_1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "hello there" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
};
const answer = JSON.stringify(completion);
const fetch = async (): Promise<Response> =>
  new Response(answer, { headers: { "content-type": "application/json" } });

const planeOf = (more: Pick<PlaneOptions, "approvals"> = {}) =>
  createAgentPlane({
    audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
    policies: [{ id: "pass", blocking: [rule.condition({ where: { agent: "writer" }, then: "allow" })] }],
    ...more,
  });
const plane = planeOf();
const askingPlane = planeOf({ approvals: { resolver: "external" } });
const identity = { agent: "writer", tenant: "acme", session: "s1" };
const bare = new OpenAI({ apiKey: "test", fetch });
const governed = govern(plane, identity, bare);
const mayAsk = govern(askingPlane, identity, bare);
const [tool] = guardFunctions(plane, identity, [
  { type: "function", function: { name: "find", function: async (input: unknown) => input } },
]);
if (tool === undefined) throw new Error("guardFunctions gave no tool");

const request = { model: "m", messages: [{ role: "user" as const, content: "hello" }] };

/** The plane's part of a model call, without anything that makes it one of the `openai` client. */
async function decideAlone(): Promise<void> {
  await plane.guard.modelCall({
    context: {
      hookpoint: "before_model_call",
      ...identity,
      model: { name: "m", messages: request.messages, tools: [] },
    },
    run: async () => completion,
    usage: () => ({ inputTokens: 9, outputTokens: 3 }),
  });
}

async function usPerCall(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
  for (let at = 0; at < CALLS; at++) await call();
  return ((performance.now() - startedMs) * 1_000) / CALLS;
}

/** µs of one call in the fastest of many rounds that take turns: what else runs on the machine only ever adds. */
async function compare<Name extends string>(
  ways: Readonly<Record<Name, () => Promise<unknown>>>,
): Promise<Record<Name, number>> {
  const best: Record<string, number> = {};
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [name, call] of Object.entries<() => Promise<unknown>>(ways)) {
      // oxlint-disable-next-line no-await-in-loop
      const us = await usPerCall(call);
      if (round >= 0) best[name] = Math.min(us, best[name] ?? Infinity);
    }
  }
  return best;
}

const models = await compare({
  plain: () => bare.chat.completions.create(request),
  beside: async () => {
    await decideAlone();
    return bare.chat.completions.create(request);
  },
  governed: () => governed.chat.completions.create(request),
  mayAsk: () => mayAsk.chat.completions.create(request),
});
const raw = async (input: unknown): Promise<unknown> => input;
const run = tool.function.function;
const tools = await compare({ plain: () => raw({ a: 1 }), governed: () => run({ a: 1 }) });
await plane.close();
await askingPlane.close();

const added = {
  model: models.governed - models.plain,
  mayAsk: models.mayAsk - models.plain,
  tool: tools.governed - tools.plain,
};
console.log("| added per call | µs, fastest round | goal |\n| --- | --- | --- |");
console.log(`| model call (chat.completions.create) | ${added.model.toFixed(1)} | ${GOAL_US.model} |`);
console.log(`| of it, the plane beside the same call | ${(models.beside - models.plain).toFixed(1)} | |`);
console.log(`| the same where humans may be asked | ${added.mayAsk.toFixed(1)} | ${GOAL_US.mayAsk} |`);
console.log(`| function of runTools | ${added.tool.toFixed(1)} | ${GOAL_US.tool} |`);
for (const name of ["model", "mayAsk", "tool"] as const) {
  if (added[name] > GOAL_US[name]) console.log(`goal missed: ${name}`);
  if (added[name] > GOAL_US[name] * LIMIT) process.exitCode = 1;
}
