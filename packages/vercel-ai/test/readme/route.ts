import {
  convertToModelMessages,
  stepCountIs,
  streamText,
  type LanguageModel,
  type ToolSet,
  type UIMessage,
} from "ai";

import { govern, type GovernedPlane } from "../../src/index.ts";

/** What the page's route takes as given. */
export interface RouteWorld {
  readonly plane: GovernedPlane;
  readonly model: LanguageModel;
  readonly tools: ToolSet;
  auth(request: Request): Promise<{ readonly userId: string }>;
}

/** The page's route. */
export function routeOf({ plane, model, tools, auth }: RouteWorld) {
  async function POST(request: Request) {
    const { id, messages } = (await request.json()) as { id: string; messages: UIMessage[] };
    const { userId } = await auth(request);
    const identity = { agent: "support", session: id, approver: userId };
    const result = streamText({
      ...govern(plane, identity, { model, tools, messages: await convertToModelMessages(messages) }),
      stopWhen: stepCountIs(10),
    });
    return result.toUIMessageStreamResponse();
  }
  return POST;
}
