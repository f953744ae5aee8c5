import { rule, type PlaneOptions } from "@agentplane/core";
import { Agent, OpenAIProvider, OpenAIResponsesModel, type Model, type ModelProvider } from "@openai/agents";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll } from "vitest";

import { govern as governAgent, GovernedRunner } from "../../src/agents.ts";
import { govern as governClient, type GovernedIdentity } from "../../src/index.ts";
import { Provider, type Reply } from "../provider.ts";
import { chatEvents, chatReply, responsesBody, responsesEvents, type Call } from "../replies.ts";
import { IDENTITY, planeOf } from "./agent-script.ts";

// A governed agent whose model sends through a governed client: the same model call passes one plane twice.

export const LIMITS = {
  id: "limits",
  selector: { hookpoints: ["before_model_call" as const] },
  blocking: [
    rule.rate({ limit: 10, window: "1h", per: "tenant" }),
    rule.tokenBudget({ maxTokens: 10_000, window: "1h", per: "tenant", maxOutput: 100 }),
  ],
};
export const ME: GovernedIdentity = { agent: "writer", tenant: "acme" };
export const USED = 15;
export const SAID = "Mail ann@acme.com";

export let provider: Provider;
const planes: { close(): Promise<void> }[] = [];

/** Has a provider for the tests of a file. */
export function useProvider(): void {
  beforeAll(async () => {
    provider = await Provider.start();
  });
  afterAll(() => provider.close());
  afterEach(async () => {
    await Promise.all(planes.splice(0).map((plane) => plane.close()));
  });
}

/** A plane that keeps what it decided about model calls. */
export function watched(options: PlaneOptions = {}) {
  const decided: string[] = [];
  const plane = planeOf({
    policies: [LIMITS],
    ...options,
    audit: {
      append(record) {
        if (record.kind === "decision" && record.model !== undefined)
          decided.push(`${record.identity.agent} ${record.decision.effect}`);
      },
      flush: () => undefined,
      close: () => undefined,
    },
  });
  planes.push(plane);
  /** Calls and tokens. */
  const charged = async (): Promise<readonly unknown[]> =>
    Promise.all(
      ["rate", "tokenBudget"].map(async (ruleId) => {
        const [state] = await plane.limits.read({ policyId: "limits", ruleId, tenant: "acme" });
        return state?.used ?? 0;
      }),
    );
  return { plane, decided, charged };
}

export type Watched = ReturnType<typeof watched>;

export function clientOf({ plane }: Pick<Watched, "plane">, identity = ME, maxRetries = 0): OpenAI {
  return governClient(plane, identity, new OpenAI({ apiKey: "test", baseURL: provider.url, maxRetries }));
}

export const APIS = {
  responses: {
    model: (client: OpenAI): Model => new OpenAIResponsesModel(client, "gpt-test"),
    reply: (isStreamed: boolean, text = SAID, calls: Call[] = []): Reply =>
      isStreamed
        ? { stream: responsesEvents(text === "" ? [] : [text], calls) }
        : { json: responsesBody(text, calls) },
  },
  chat: {
    // A model of this kind does not tell its name: the agent does.
    model: (client: OpenAI) => new OpenAIProvider({ openAIClient: client, useResponses: false }),
    reply: (isStreamed: boolean, text = SAID, calls: Call[] = []): Reply =>
      isStreamed ? { stream: chatEvents(text === "" ? [] : [text], calls, true) } : chatReply(text, calls),
  },
} as const;
export type Api = keyof typeof APIS;

/** @param given The agent's model, or what makes one of its name. */
export async function run(
  { plane }: Pick<Watched, "plane">,
  given: Model | ModelProvider,
  isStreamed = false,
  tools: Agent["tools"] = [],
) {
  const isModel = "getResponse" in given;
  const runner = new GovernedRunner(isModel ? {} : { modelProvider: given });
  const model = isModel ? given : "gpt-test";
  const agent = new Agent({ name: "writer", instructions: "Be kind.", model, tools });
  const governed = governAgent(plane, IDENTITY, agent);
  if (!isStreamed) return runner.run(governed, "Where is it?");
  const result = await runner.run(governed, "Where is it?", { stream: true });
  await result.completed;
  return result;
}
