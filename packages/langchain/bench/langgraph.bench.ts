// What `guardTool` and `guardModel` add to a call under a plane that allows everything, in µs: the guarded one beside the
// same one alone, invoked as a node of a graph does, in one process.
// Usage: node --conditions=agentplane-source bench/langgraph.bench.ts
import { printMachine, report } from "@agentplane/bench/report";
import { slowness } from "@agentplane/bench/slowness";
import { createAgentPlane } from "@agentplane/core";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import { tool } from "@langchain/core/tools";
import * as z from "zod";

import { guardModel, guardTool } from "../src/langgraph.ts";
import { addedTo } from "./added.ts";

const plane = createAgentPlane({
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
});
const identity = { agent: "bench", tenant: "acme", session: "s" };

/** Answers at once. */
class ReadyModel extends BaseChatModel {
  constructor() {
    super({});
  }

  override _llmType(): string {
    return "ready";
  }

  override async _generate(): Promise<ChatResult> {
    const text = "The order has been shipped and arrives on Monday.";
    const message = Object.assign(new AIMessage(text), {
      usage_metadata: { input_tokens: 30, output_tokens: 12, total_tokens: 42 },
    });
    return { generations: [{ text, message }] };
  }
}

const read = tool(() => "ok", { name: "read", description: "Reads.", schema: z.looseObject({}) });
const guardedRead = guardTool(plane, identity, read);
const model = new ReadyModel();
const guarded = guardModel(plane, identity, model);
let count = 0;

const call = (): object => ({
  type: "tool_call",
  id: `c${count++}`,
  name: "read",
  args: { id: "o1", note: "please hurry" },
});

printMachine();
report(
  [
    // A tool takes a call in place of its input; its type does not say so.
    await addedTo("tool call", 20, [
      () => read.invoke(call() as never),
      () => guardedRead.invoke(call() as never),
    ]),
    await addedTo("model call", 50, [
      () => model.invoke("Where is my order?"),
      () => guarded.invoke("Where is my order?"),
    ]),
  ],
  await slowness(),
);
