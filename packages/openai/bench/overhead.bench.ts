/**
 * What governing adds to a model call of the `openai` client and to a function of `runTools`, beside the same without
 * it, in one process: a provider in memory, a plane with a policy that matches and allows, nothing kept of its records.
 * The second row is the plane's decision and outcome next to a call that the adapter does not touch: code that takes
 * 20 µs in a loop of its own costs more than twice that between the SDK's, so the difference is the adapter's share.
 * Goals are printed; fails only beyond five times a goal. Run: npm run bench -- openai/overhead
 */
import { printMachine, report } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";
import { createAgentPlane, rule, type PlaneOptions } from "@agentplane/core";
import OpenAI from "openai";

import { govern, guardFunctions } from "../src/index.ts";
import { addedUs, fastestUs, type Effort } from "./added.ts";

const EFFORT: Effort = { warmUp: 20, rounds: 60, calls: 300 };

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

const models = await fastestUs(
  {
    plain: () => bare.chat.completions.create(request),
    beside: async () => {
      await decideAlone();
      return bare.chat.completions.create(request);
    },
    governed: () => governed.chat.completions.create(request),
    mayAsk: () => mayAsk.chat.completions.create(request),
  },
  EFFORT,
);
const raw = async (input: unknown): Promise<unknown> => input;
const run = tool.function.function;
const tools = await fastestUs({ plain: () => raw({ a: 1 }), governed: () => run({ a: 1 }) }, EFFORT);
await plane.close();
await askingPlane.close();

printMachine();
report(
  [
    addedUs("model call (chat.completions.create)", models.governed - models.plain, 50),
    addedUs("of it, the plane beside the same call", models.beside - models.plain, 50),
    addedUs("the same where humans may be asked", models.mayAsk - models.plain, 50),
    addedUs("function of runTools", tools.governed - tools.plain, 20),
  ],
  await slowness(),
);
