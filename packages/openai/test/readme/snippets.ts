import { createAgentPlane, rule, type AgentPlane } from "@agentplane/core";
import type { Agent } from "@openai/agents";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources";

import { govern as governAgent, GovernedRunner } from "../../src/agents.ts";
import { govern, guardFetch, guardFunctions, isPolicyError } from "../../src/index.ts";

/** The page's first snippet. */
export async function firstCall(): Promise<AgentPlane> {
  const plane = createAgentPlane({
    policies: [
      { id: "spend", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })] },
    ],
  });
  const openai = govern(plane, { agent: "support", tenant: "acme" }, new OpenAI());

  try {
    await openai.responses.create({ model: "gpt-5", input: "Where is my order?" });
  } catch (error) {
    if (!isPolicyError(error)) throw error;
    // A native PermissionDeniedError (403) or RateLimitError (429), after one attempt.
  }
  return plane;
}

/** What the snippet about functions takes as given. */
export interface Refunding {
  readonly plane: AgentPlane;
  readonly openai: OpenAI;
  readonly messages: ChatCompletionMessageParam[];
  readonly parameters: Record<string, unknown>;
  refund(input: unknown): Promise<string>;
}

/** The page's snippet about functions. */
export async function runFunctions({
  plane,
  openai,
  messages,
  parameters,
  refund,
}: Refunding): Promise<string | null> {
  const tools = guardFunctions(plane, { agent: "support", tenant: "acme" }, [
    {
      type: "function",
      function: { name: "refund", description: "Pays.", parameters, parse: JSON.parse, function: refund },
    },
  ]);
  return openai.chat.completions.runTools({ model: "gpt-5", messages, tools }).finalContent();
}

/** The page's snippet about agents. */
export async function runAgent(plane: AgentPlane, triage: Agent): Promise<unknown> {
  const agent = governAgent(plane, { tenant: "acme" }, triage);
  const result = await new GovernedRunner().run(agent, "Where is my order?");
  return result.finalOutput;
}

/** The page's snippet about other SDKs. */
export function otherClient(plane: AgentPlane): Anthropic {
  const anthropic = new Anthropic({ fetch: guardFetch(plane, { agent: "writer" }) });
  return anthropic;
}
