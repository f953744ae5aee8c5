/**
 * What governing adds to a run of the Agents SDK, beside the same run without it, in one process: a model in memory, a
 * plane with a policy that matches and allows, nothing kept of its records. A run of one answer is one model call and the
 * decisions before and after the run; where a tool is offered, the plane is asked whether it may be. A tool call is decided
 * once, when it runs. The last row has a second policy that could ask a human about the tool and does not: there a call is
 * asked about too, when the SDK asks for an approval. Goals are printed; fails only beyond five times a goal. Run: npm run bench -- openai/agents
 */
import { printMachine, report } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";
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
import { addedUs, fastestUs } from "./added.ts";

setTracingDisabled(true);
const TOOL_CALLS = 10;

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

/** µs added to a run under each plane. */
async function addedToRun(kind: Kind): Promise<readonly [passing: number, asking: number]> {
  const bare = agentOf(kind);
  const passingAgent = govern(plane, identity, agentOf(kind));
  const askingAgent = govern(askingPlane, identity, agentOf(kind));
  const { plain, passing, asking } = await fastestUs(
    {
      plain: () => runner.run(bare, "hi"),
      passing: () => governedRunner.run(passingAgent, "hi"),
      asking: () => governedRunner.run(askingAgent, "hi"),
    },
    { warmUp: 10, rounds: 60, calls: 40 },
  );
  return [passing - plain, asking - plain];
}

const [run] = await addedToRun("without tools");
const [offering, offeringAsking] = await addedToRun("offering one");
const [calling, callingAsking] = await addedToRun("calling it");
await plane.close();
await askingPlane.close();

printMachine();
report(
  [
    addedUs("run of one model call", run, 50),
    addedUs("the same where it offers a tool", offering, 50),
    // A run with calls has two model calls that offer the tool; what is left is the calls'.
    addedUs("tool call", (calling - offering * 2) / TOOL_CALLS, 20),
    addedUs(
      "the same where a policy could ask about it",
      (callingAsking - offeringAsking * 2) / TOOL_CALLS,
      20,
    ),
  ],
  await slowness(),
);
