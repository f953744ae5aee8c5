/**
 * What governing adds to a run of the Agents SDK, beside the same run without it, in one process: a model in memory, a
 * plane with a policy that matches and allows, nothing kept of its records. A run of one answer is one model call and the
 * decisions before and after the run; where a tool is offered, the plane is asked whether it may be. A tool call is decided
 * once, when it runs. The last row has a second policy that could ask a human about the tool and does not: there a call is
 * asked about too, when the SDK asks for an approval. Goals are printed; fails only beyond five times a goal. Run: npm run bench -- openai/agents
 */
import { createAgentPlane, rule, type Policy } from "@agentplane/core";
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
function modelOf(hasCalls: boolean): Model {
  return {
    async getResponse({ input }) {
      const hasRun = typeof input !== "string" && input.some(({ type }) => type === "function_call_result");
      return hasCalls && !hasRun ? proposal() : answer();
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
type Kind = "without tools" | "offering one" | "calling it";
const agentOf = (kind: Kind) =>
  new Agent({
    name: "writer",
    model: modelOf(kind === "calling it"),
    tools: kind === "without tools" ? [] : [find],
  });
const planeOf = (policies: readonly Policy[]) =>
  createAgentPlane({
    approvals: { resolver: "external" },
    audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
    policies: [
      { id: "pass", blocking: [rule.condition({ where: { agent: "writer" }, then: "allow" })] },
      ...policies,
    ],
  });
const plane = planeOf([]);
const askingPlane = planeOf([
  {
    id: "ask",
    selector: { hookpoints: ["before_tool_call"] },
    blocking: [rule.condition({ where: { input: { q: "delete" } }, then: "escalate" })],
  },
]);
const identity = { tenant: "acme", session: "s1" };
const [runner, governedRunner] = [new Runner(), new GovernedRunner()];

async function usPerRun(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one run after the other is what is measured
  for (let at = 0; at < RUNS; at++) await run();
  return ((performance.now() - startedMs) * 1_000) / RUNS;
}

/** µs added to a run under each plane, of the fastest of many rounds that take turns: what else runs here only ever adds. */
async function addedUs(kind: Kind): Promise<readonly [passing: number, asking: number]> {
  const bare = agentOf(kind);
  const [passing, asking] = [plane, askingPlane].map((one) => govern(one, identity, agentOf(kind)));
  const ways = [
    () => runner.run(bare, "hi"),
    () => governedRunner.run(passing!, "hi"),
    () => governedRunner.run(asking!, "hi"),
  ];
  const best: [number, number, number] = [Infinity, Infinity, Infinity];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [at, run] of ways.entries()) {
      // oxlint-disable-next-line no-await-in-loop
      const us = await usPerRun(run);
      if (round >= 0) best[at] = Math.min(us, best[at] ?? Infinity);
    }
  }
  return [best[1] - best[0], best[2] - best[0]];
}

const [run] = await addedUs("without tools");
const [offering, offeringAsking] = await addedUs("offering one");
const [calling, callingAsking] = await addedUs("calling it");
await plane.close();
await askingPlane.close();

// A run with calls has two model calls that offer the tool; what is left is the calls'.
const added = { run, tool: (calling - offering * 2) / TOOL_CALLS };
const mayAsk = (callingAsking - offeringAsking * 2) / TOOL_CALLS;
console.log("| added | µs, fastest round | goal |\n| --- | --- | --- |");
console.log(`| run of one model call | ${added.run.toFixed(1)} | ${GOAL_US.run} |`);
console.log(`| the same where it offers a tool | ${offering.toFixed(1)} | |`);
console.log(`| tool call | ${added.tool.toFixed(1)} | ${GOAL_US.tool} |`);
console.log(`| the same where a policy could ask about it | ${mayAsk.toFixed(1)} | |`);
for (const name of ["run", "tool"] as const) {
  if (added[name] > GOAL_US[name]) console.log(`goal missed: ${name}`);
  if (!(added[name] <= GOAL_US[name] * LIMIT)) process.exitCode = 1;
}
