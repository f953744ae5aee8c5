/**
 * What governing adds to a run of the Agents SDK, beside the same run without it, in one process: a model in memory, a
 * plane with a policy that matches and allows, nothing kept of its records. A run of one answer is one model call and the
 * decisions before and after the run; a tool call is asked about once, when the SDK asks for an approval, and decided
 * once, when it runs. Goals are printed; fails only beyond five times a goal. Run: npm run bench -- openai/agents
 */
import { createAgentPlane, rule } from "@agentplane/core";
import {
  Agent,
  Runner,
  setTracingDisabled,
  tool,
  Usage,
  type Model,
  type ModelResponse,
} from "@openai/agents";

import { govern, GovernedRunner } from "../src/agents.ts";

setTracingDisabled(true);
const [WARM_UP, ROUNDS, RUNS, TOOL_CALLS] = [10, 60, 40, 10];
const GOAL_US = { run: 50, tool: 20 };
const LIMIT = 5;

const usage = new Usage({ requests: 1, inputTokens: 9, outputTokens: 3, totalTokens: 12 });
let count = 0;

function answer(): ModelResponse {
  const content = [{ type: "output_text" as const, text: "hello there" }];
  return { usage, output: [{ type: "message", role: "assistant", status: "completed", content }] };
}

function proposal(): ModelResponse {
  const output = Array.from({ length: TOOL_CALLS }, () => ({
    type: "function_call" as const,
    callId: `call_${count++}`,
    name: "find",
    status: "completed" as const,
    arguments: '{"q":"x"}',
  }));
  return { usage, output };
}

/** Answers at once, or after its tools have run. */
function modelOf(hasTools: boolean): Model {
  return {
    async getResponse({ input }) {
      const hasRun = typeof input !== "string" && input.some(({ type }) => type === "function_call_result");
      return hasTools && !hasRun ? proposal() : answer();
    },
    async *getStreamedResponse() {
      yield* [];
      throw new Error("it does not stream");
    },
  };
}

const find = tool({
  name: "find",
  description: "Finds.",
  strict: false,
  parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
  execute: async () => "found",
});
const agentOf = (hasTools: boolean) =>
  new Agent({ name: "writer", model: modelOf(hasTools), tools: hasTools ? [find] : [] });
const plane = createAgentPlane({
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
  policies: [{ id: "pass", blocking: [rule.condition({ where: { agent: "writer" }, then: "allow" })] }],
});
const identity = { tenant: "acme", session: "s1" };
const [runner, governedRunner] = [new Runner(), new GovernedRunner()];

async function usPerRun(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one run after the other is what is measured
  for (let at = 0; at < RUNS; at++) await run();
  return ((performance.now() - startedMs) * 1_000) / RUNS;
}

/** µs that are added to a run, of the fastest of many rounds that take turns: what else runs here only ever adds. */
async function addedUs(hasTools: boolean): Promise<number> {
  const [bare, governed] = [agentOf(hasTools), govern(plane, identity, agentOf(hasTools))];
  const ways = [() => runner.run(bare, "hi"), () => governedRunner.run(governed, "hi")];
  const best = [Infinity, Infinity];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [at, run] of ways.entries()) {
      // oxlint-disable-next-line no-await-in-loop
      const us = await usPerRun(run);
      if (round >= 0) best[at] = Math.min(us, best[at] ?? Infinity);
    }
  }
  return (best[1] ?? NaN) - (best[0] ?? NaN);
}

const run = await addedUs(false);
const tools = await addedUs(true);
await plane.close();

// The run with tools has two model calls; what is left is the tools'.
const added = { run, tool: (tools - run * 2) / TOOL_CALLS };
console.log("| added | µs, fastest round | goal |\n| --- | --- | --- |");
console.log(`| run of one model call | ${added.run.toFixed(1)} | ${GOAL_US.run} |`);
console.log(`| tool call, asked and decided | ${added.tool.toFixed(1)} | ${GOAL_US.tool} |`);
for (const name of ["run", "tool"] as const) {
  if (added[name] > GOAL_US[name]) console.log(`goal missed: ${name}`);
  if (!(added[name] <= GOAL_US[name] * LIMIT)) process.exitCode = 1;
}
