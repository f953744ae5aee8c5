import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { Command } from "@langchain/langgraph";
import {
  ClearToolUsesEdit,
  contextEditingMiddleware,
  createMiddleware,
  humanInTheLoopMiddleware,
  modelCallLimitMiddleware,
  modelFallbackMiddleware,
  modelRetryMiddleware,
  piiMiddleware,
  summarizationMiddleware,
  todoListMiddleware,
  toolCallLimitMiddleware,
  toolEmulatorMiddleware,
  toolErrorMiddleware,
  toolRetryMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import * as z from "zod";

import { plain } from "./plain-data.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const stateSchema = z.object({ noted: z.string().optional() });

export const MIDDLEWARE = [
  "none",
  "model retry",
  "tool retry",
  "tool wrapper",
  "model wrapper",
  "node hooks",
  "human in the loop",
  "model fallback",
  "summary",
  "limits",
  "context editing",
  "to-do list",
  "pii",
  "tool error",
  "tool emulator",
  "changed results",
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
    case "model fallback":
      return [modelFallbackMiddleware(new ScriptedChatModel({ text: "another model, bob@example.com" }))];
    case "summary":
      return [
        summarizationMiddleware({
          model: new ScriptedChatModel({ text: "what was said by bob@example.com" }),
          trigger: { messages: 4 },
          keep: { messages: 2 },
        } as never),
      ] as never;
    case "limits":
      return [
        modelCallLimitMiddleware({ runLimit: 3 } as never),
        toolCallLimitMiddleware({ runLimit: 2 } as never),
      ] as never;
    case "context editing":
      return [
        contextEditingMiddleware({
          edits: [new ClearToolUsesEdit({ trigger: { messages: 3 }, keep: { messages: 1 } })],
        }),
      ] as never;
    case "to-do list":
      return [todoListMiddleware()] as never;
    case "pii":
      return [piiMiddleware("email", { applyToOutput: true, applyToToolResults: true })] as never;
    case "tool error":
      return [toolErrorMiddleware({ onError: (error: unknown) => `it failed: ${String(error)}` })] as never;
    case "tool emulator":
      return [
        toolEmulatorMiddleware({
          tools: ["plain"],
          model: new ScriptedChatModel({ text: "made up by bob@example.com" }),
        }),
      ] as never;
    case "changed results":
      return [
        createMiddleware({
          name: "mine",
          wrapToolCall: async (request, handler) => {
            const result = await handler(request);
            return ToolMessage.isInstance(result)
              ? Object.assign(result, { content: `${result.text}, says bob@example.com` })
              : result;
          },
          wrapModelCall: async (request, handler) => {
            const answer = await handler(request);
            if (AIMessage.isInstance(answer) && typeof answer.content === "string")
              answer.content += ", says bob@example.com";
            return answer;
          },
        }),
      ];
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
