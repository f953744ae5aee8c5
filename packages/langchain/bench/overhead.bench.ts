// What `govern` adds to a tool call and to a model call under a plane that allows everything, in µs: the two
// interceptions around a handler that answers at once, beside that handler alone, in one process.
// Usage: node --conditions=agentplane-source bench/overhead.bench.ts
import { cpus } from "node:os";

import { createAgentPlane } from "@agentplane/core";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { tool, type AgentMiddleware, type ModelRequest, type ToolCallRequest } from "langchain";
import * as z from "zod";

import { govern } from "../src/index.ts";

const GOALS = { toolUs: 20, modelUs: 50 };
/** Guards against getting worse, and leaves room for a busy machine. */
const LIMITS = { toolUs: 200, modelUs: 500 };
const [ROUNDS, WARM_UP, CALLS] = [101, 20, 200];

const plane = createAgentPlane({
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
});
const read = tool(() => "ok", { name: "read", description: "Reads.", schema: z.looseObject({}) });
const model = new FakeListChatModel({ responses: ["done"] });
const { middleware } = govern(plane, { agent: "bench", tenant: "acme" }, { model });
const [outer, inner]: readonly AgentMiddleware[] = middleware;
const runtime = { context: {}, configurable: { thread_id: "t" } };
let count = 0;

type Call = () => Promise<unknown>;

/** The tool gate alone: it is innermost, and nothing else of ours wraps tool calls. */
function callTool(isGoverned: boolean): Call {
  const answer = new ToolMessage({ content: "ok", tool_call_id: "c", name: "read", status: "success" });
  const handler = async (): Promise<ToolMessage> => answer;
  return async () => {
    const toolCall = {
      type: "tool_call",
      id: `c${count++}`,
      name: "read",
      args: { id: "o1", note: "please hurry" },
    };
    // What the interception looks at of createAgent's request.
    const request = { toolCall, tool: read, state: { messages: [] }, runtime } as unknown as ToolCallRequest;
    return isGoverned ? inner?.wrapToolCall?.(request as never, handler as never) : handler();
  };
}

/** Both interceptions, as createAgent composes them. */
function callModel(isGoverned: boolean): Call {
  // Set afterwards: LangChain's type of the field takes no value.
  const answer = Object.assign(new AIMessage("The order has been shipped and arrives on Monday."), {
    usage_metadata: { input_tokens: 30, output_tokens: 12, total_tokens: 42 },
  });
  const handler = async (): Promise<AIMessage> => answer;
  const messages = [new HumanMessage("Where is my order?")];
  const systemMessage = new SystemMessage("You help customers.");
  return async () => {
    const request = {
      model,
      messages,
      systemMessage,
      tools: [read],
      state: { messages },
      runtime: { ...runtime },
    };
    if (!isGoverned) return handler();
    return outer?.wrapModelCall?.(
      // As above.
      request as unknown as ModelRequest as never,
      (async (given: ModelRequest) => inner?.wrapModelCall?.(given as never, handler as never)) as never,
    );
  };
}

/** µs of one call in the fastest of many rounds that take turns: what else runs on the machine only ever adds. */
async function added(plain: Call, governed: Call): Promise<number> {
  const times: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [at, call] of [plain, governed].entries()) {
      const startedMs = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      for (let index = 0; index < CALLS; index++) await call();
      if (round >= 0) times[at]?.push(((performance.now() - startedMs) * 1_000) / CALLS);
    }
  }
  return Math.min(...times[1]) - Math.min(...times[0]);
}

const [toolUs, modelUs] = [
  await added(callTool(false), callTool(true)),
  await added(callModel(false), callModel(true)),
];
const verdict = (measured: number, goal: number): string => (measured <= goal ? "met" : "goal missed");
console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n`);
console.log("| added per call | µs | goal | |\n|---|---|---|---|");
console.log(`| tool call | ${toolUs.toFixed(1)} | ≤ ${GOALS.toolUs} | ${verdict(toolUs, GOALS.toolUs)} |`);
console.log(
  `| model call | ${modelUs.toFixed(1)} | ≤ ${GOALS.modelUs} | ${verdict(modelUs, GOALS.modelUs)} |`,
);
if (toolUs > LIMITS.toolUs || modelUs > LIMITS.modelUs) process.exitCode = 1;
