import type { AgentPlane } from "@agentplane/core";
import { govern } from "@agentplane/vercel-ai";
import {
  convertToModelMessages,
  stepCountIs,
  streamText,
  tool,
  type LanguageModel,
  type UIMessage,
} from "ai";
import * as z from "zod";

/** A refund that was paid out. */
export interface Refund {
  readonly order: string;
  readonly amount: number;
}

/** What the route needs; in Next.js these are modules of the application. */
export interface RouteParts {
  readonly plane: AgentPlane;
  readonly model: LanguageModel;
  readonly refunds: Refund[];
  /** Who is signed in, from the session's cookie: never from the body, which the browser writes. */
  signedIn(request: Request): string;
}

/**
 * The handler of `app/api/chat/route.ts`: a Request in, a Response out. All that makes it governed is `govern`.
 * @example
 * export const POST = createChatRoute({ plane, model, refunds, signedIn });
 */
export function createChatRoute({ plane, model, refunds, signedIn }: RouteParts) {
  const refund = tool({
    description: "Pays an order back.",
    inputSchema: z.object({ order: z.string(), amount: z.number() }),
    execute: async (input) => {
      refunds.push(input);
      return { ...input, receiptTo: "ann.miller@example.com" };
    },
  });
  return async function POST(request: Request): Promise<Response> {
    // useChat's transport sends this.
    const { id, messages } = (await request.json()) as { id: string; messages: UIMessage[] };
    const identity = { agent: "shop-support", session: id, approver: signedIn(request) };
    const result = streamText({
      ...govern(plane, identity, {
        model,
        tools: { refund },
        messages: await convertToModelMessages(messages),
      }),
      stopWhen: stepCountIs(5),
    });
    return result.toUIMessageStreamResponse();
  };
}
