import { createAgentPlane, rule, type PlaneOptions } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { setTracingDisabled, tool, Usage, type AgentOutputItem } from "@openai/agents";
import {
  assistantMessage,
  functionCall,
  ScriptedModel,
  type ScriptedModelResponse,
} from "@openai/agents-core/testing";

import { GovernedRunner } from "../../src/agents.ts";

setTracingDisabled(true);

export const STOP = { reason: "stop", by: "olga" };
export const ASK = {
  id: "ask",
  selector: { tools: ["refund"] },
  blocking: [rule.condition({ where: { tool: "refund" }, then: "escalate" as const })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

export function planeOf(options: PlaneOptions = {}) {
  return createAgentPlane({ scanner: createScanner(), approvals: { resolver: "external" }, ...options });
}

export function answer({ output }: { readonly output: readonly AgentOutputItem[] }): ScriptedModelResponse {
  return { output: [...output], usage: new Usage() };
}

/** A model that makes these calls, one a turn, and then answers. */
export function calling(
  ...calls: readonly (readonly [name: string, input: Record<string, unknown>])[]
): ScriptedModel {
  return new ScriptedModel([
    ...calls.map(([name, input], at) =>
      answer({ output: [functionCall(name, input, { callId: `c${at}` })] }),
    ),
    answer({ output: [assistantMessage("done")] }),
  ]);
}

export function refundTool(seen: unknown[]) {
  return tool({
    name: "refund",
    description: "Pays back.",
    strict: false,
    parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
    execute(input: unknown) {
      seen.push(input);
      return "paid";
    },
  });
}

export const IDENTITY = { tenant: "acme", session: "s1" };
export const runner = new GovernedRunner();
