import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { generateText, stepCountIs, type LanguageModel, type ModelMessage, type ToolSet } from "ai";

import { govern } from "../../src/index.ts";

/** What the page's first snippet takes as given. */
export interface FirstCall {
  readonly policies: readonly Policy[];
  readonly model: LanguageModel;
  readonly tools: ToolSet;
  readonly messages: ModelMessage[];
  readonly chatId: string;
}

/** Its policies. */
export function firstPolicies(): readonly Policy[] {
  const policies = [
    {
      id: "support",
      blocking: [
        rule.denylist({ tools: ["delete_*"] }),
        rule.rate({ limit: 100, window: "1h", per: "tenant" }),
      ],
    },
  ];
  return policies;
}

/** The page's first snippet. */
export async function firstCall({ policies, model, tools, messages, chatId }: FirstCall): Promise<string> {
  const plane = createAgentPlane({ policies });
  const identity = { agent: "support", tenant: "acme", session: chatId };
  const { text } = await generateText({
    ...govern(plane, identity, { model, tools, messages }),
    stopWhen: stepCountIs(10),
  });
  return text;
}
