import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { createMiddleware, type AgentMiddleware } from "langchain";

import type { Timeline } from "./timeline.ts";

/** What may happen beside a run, such as an operator at work while the model thinks. */
export type BesideModelCall = (modelCall: number) => Promise<void> | void;

/**
 * An ordinary middleware of the application: it tells what model and tools say. It sees what the agent sees: results as
 * the plane lets them through. A callback of the model counts the calls that are really made.
 */
export class Narrator {
  modelCalls = 0;
  readonly #timeline: Timeline;
  readonly #beside: BesideModelCall;

  constructor(timeline: Timeline, beside: BesideModelCall) {
    this.#timeline = timeline;
    this.#beside = beside;
  }

  middleware(): AgentMiddleware {
    return createMiddleware({
      name: "narrator",
      wrapModelCall: async (request, handler) => {
        const answer = await handler(request);
        if (AIMessage.isInstance(answer)) this.#tellCalls(answer);
        return answer;
      },
      wrapToolCall: async (request, handler) => {
        const result = await handler(request);
        if (ToolMessage.isInstance(result)) this.#timeline.say("tool", result.text);
        return result;
      },
    });
  }

  /** Told by the model itself, when it is really asked; the model waits for it. */
  handler(): BaseCallbackHandler {
    const asked = async (): Promise<void> => {
      this.modelCalls += 1;
      await this.#beside(this.modelCalls);
    };
    const handler = BaseCallbackHandler.fromMethods({ handleChatModelStart: asked });
    handler.awaitHandlers = true;
    return handler;
  }

  #tellCalls({ tool_calls: calls = [] }: AIMessage): void {
    for (const { name, args } of calls) this.#timeline.say("model", `calls ${name} ${JSON.stringify(args)}`);
  }
}
