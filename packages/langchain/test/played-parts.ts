import { setImmediate } from "node:timers/promises";

import { dispatchCustomEvent } from "@langchain/core/callbacks/dispatch";
import { ToolMessage } from "@langchain/core/messages";
import type { ClientTool } from "@langchain/core/tools";
import { Command, interrupt } from "@langchain/langgraph";
import { createAgent, tool, type ToolRuntime } from "langchain";
import * as z from "zod";

import type { Wrap } from "./played-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

/** Names of the tools of an agent that is played, and one that it does not have. */
export const TOOLS = [
  "plain",
  "artifact",
  "failing",
  "typed",
  "direct",
  "missing",
  "asking",
  "writing",
  "leaving",
  "telling",
  "agent",
  "agent of its own",
] as const;

/**
 * Tools of every kind, and what they ran with.
 * @param wrap Puts an agent inside a tool under a plane of its own, where there is one.
 */
export function toolsOf(runs: unknown[], wrap: Wrap): readonly ClientTool[] {
  const schema = z.looseObject({});
  const note = (name: string, args: unknown): void => void runs.push(structuredClone([name, args]));
  return [
    tool((args) => (note("plain", args), { given: args }), { name: "plain", description: "plain", schema }),
    tool((args) => (note("artifact", args), ["for bob@example.com", { given: args }]), {
      name: "artifact",
      description: "artifact",
      schema,
      responseFormat: "content_and_artifact",
    }),
    tool(
      async (args): Promise<string> => {
        note("failing", args);
        await setImmediate();
        throw new TypeError("failed for bob@example.com");
      },
      { name: "failing", description: "failing", schema },
    ),
    tool((args) => (note("typed", args), "never"), {
      name: "typed",
      description: "typed",
      schema: z.object({ count: z.number() }),
    }),
    tool(
      async (args: { readonly text?: string }) => {
        note("direct", args);
        await setImmediate();
        if (args.text === "") throw new RangeError("nothing to say");
        return "for bob@example.com";
      },
      { name: "direct", description: "direct", schema, returnDirect: true },
    ),
    tool((args) => (note("asking", args), `heard ${JSON.stringify(interrupt({ question: args }))}`), {
      name: "asking",
      description: "asking",
      schema,
    }),
    ...(["writing", "leaving"] as const).map((name) =>
      tool(
        (args, { toolCallId }: ToolRuntime) => {
          note(name, args);
          const message = new ToolMessage({ name, content: "for bob@example.com", tool_call_id: toolCallId });
          return new Command({
            update: { messages: [message], noted: name },
            ...(name === "leaving" && { goto: "__end__" }),
          });
        },
        { name, description: name, schema },
      ),
    ),
    tool(
      async (args, { writer }: ToolRuntime) => {
        note("telling", args);
        writer?.({ at: "work for bob@example.com" });
        await dispatchCustomEvent("told", { by: "bob@example.com" });
        return "told";
      },
      { name: "telling", description: "telling", schema },
    ),
    agentTool("agent", (_, params) => params),
    agentTool("agent of its own", wrap),
  ];
}

/** The same tool, which takes longer. */
export function slowed(one: ClientTool): ClientTool {
  // As `tool` makes them.
  const made = one as ClientTool & { func(...args: readonly unknown[]): Promise<unknown> };
  const { func } = made;
  made.func = async (...args: readonly unknown[]) => {
    await pass();
    try {
      return await func.apply(made, [...args]);
    } finally {
      await pass();
    }
  };
  return made;
}

/** About what an adapter takes, which waits for no timer. */
async function pass(): Promise<void> {
  for (let tick = 0; tick < 20; tick++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await Promise.resolve();
  }
}

/** A tool with an agent inside, which calls a tool of its own that asks somebody. */
function agentTool(name: string, wrap: Wrap): ClientTool {
  const model = new ScriptedChatModel(
    { text: "I ask, bob@example.com", calls: [{ name: "inner", args: { a: 1 } }] },
    { text: "inner words " },
  );
  const inner = tool(() => `heard ${JSON.stringify(interrupt({ question: "inner" }))}`, {
    name: "inner",
    description: "inner",
    schema: z.looseObject({}),
  });
  const agent = createAgent({ ...wrap({ agent: "inner" }, { model, tools: [inner] }), name: "inner" });
  return tool(
    async ({ text }: { readonly text?: string }) => {
      const { messages } = await agent.invoke({ messages: [{ role: "user", content: text ?? "" }] });
      return messages.at(-1)?.text ?? "";
    },
    { name, description: name, schema: z.looseObject({}) },
  );
}
