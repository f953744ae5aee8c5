import { setImmediate } from "node:timers/promises";

import { AIMessage, ToolMessage } from "@langchain/core/messages";
import type { ClientTool } from "@langchain/core/tools";
import { Command, interrupt } from "@langchain/langgraph";
import {
  createAgent,
  createMiddleware,
  humanInTheLoopMiddleware,
  modelRetryMiddleware,
  tool,
  toolRetryMiddleware,
  type AnyAgentMiddleware,
  type ToolRuntime,
} from "langchain";
import * as z from "zod";

import type { Wrap } from "./played-agent.ts";
import { plain } from "./plain-data.ts";
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
  "agent",
  "agent of its own",
] as const;

const stateSchema = z.object({ noted: z.string().optional() });

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

export const MIDDLEWARE = [
  "none",
  "model retry",
  "tool retry",
  "tool wrapper",
  "model wrapper",
  "node hooks",
  "human in the loop",
  "own command",
  "own command after an answer",
] as const;
export type MiddlewareKind = (typeof MIDDLEWARE)[number];

/** @param told What middleware is told goes here. */
export function middlewareOf(kind: MiddlewareKind, told: unknown[]): readonly AnyAgentMiddleware[] {
  // The retrying ones have types that do not fit LangChain's own list under exactOptionalPropertyTypes.
  switch (kind) {
    case "none":
      return [];
    case "model retry":
      return [
        modelRetryMiddleware({ maxRetries: 1, initialDelayMs: 0, jitter: false, retryOn: [TypeError] }),
      ] as never;
    case "tool retry":
      return [toolRetryMiddleware({ maxRetries: 1, initialDelayMs: 0, jitter: false })] as never;
    case "tool wrapper":
      return [
        createMiddleware({
          name: "mine",
          wrapToolCall: async (request, handler) => {
            const result = await handler(request);
            told.push(plain(result));
            return result;
          },
        }),
      ];
    case "model wrapper":
      return [
        createMiddleware({
          name: "mine",
          wrapModelCall: async (request, handler) => {
            const answer = await handler({ ...request, systemPrompt: "Be kind." });
            told.push(plain(answer));
            return answer;
          },
        }),
      ];
    case "node hooks":
      return [
        createMiddleware({
          name: "mine",
          beforeAgent: () => void told.push("before_agent"),
          beforeModel: ({ messages }) => void told.push(["before_model", messages.length]),
          afterModel: {
            canJumpTo: ["end"],
            hook: ({ messages }) =>
              messages.at(-1)?.text.startsWith("hello") === true ? { jumpTo: "end" as const } : undefined,
          },
          afterAgent: ({ messages }) => void told.push(["after_agent", messages.length]),
        }),
      ] as never;
    case "human in the loop":
      return [humanInTheLoopMiddleware({ interruptOn: { plain: true, writing: true } } as never)] as never;
    case "own command":
    case "own command after an answer":
      return [
        createMiddleware({
          name: "mine",
          stateSchema,
          wrapModelCall: async (request, handler) => {
            const isOwn = request.messages.length > 1;
            if (!isOwn) return handler(request);
            if (kind === "own command after an answer") told.push(plain(await handler(request)));
            return new Command({
              update: {
                noted: "mine",
                messages: [new AIMessage({ id: "own", content: "by bob@example.com" })],
              },
            });
          },
        }),
      ] as never;
    default:
      throw new Error("no such middleware");
  }
}
