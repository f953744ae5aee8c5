import {
  createAgentPlane,
  rule,
  type AgentPlane,
  type DecisionRecord,
  type PlaneOptions,
  type Policy,
} from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { tool, type Tool } from "ai";
import * as z from "zod";

import type { GovernedIdentity } from "../src/index.ts";

/** A plane with these policies, in memory. */
export function planeOf(policies: readonly Policy[] = [], options: PlaneOptions = {}): AgentPlane {
  return createAgentPlane({ scanner: createScanner(), policies, ...options });
}

/** A plane whose approvals are answered from outside. */
export function askingPlane(policies: readonly Policy[], options: PlaneOptions = {}): AgentPlane {
  return planeOf(policies, { approvals: { resolver: "external" }, ...options });
}

/** Everything a plane decides from now on. */
export function decisionsOf(plane: AgentPlane): DecisionRecord[] {
  const decisions: DecisionRecord[] = [];
  plane.on("decision", (record) => void decisions.push(record));
  return decisions;
}

/** Whoever acts in most tests. */
export const WHO: GovernedIdentity = { agent: "a", session: "s" };

/** No call of these tools. */
export function denying(...tools: readonly string[]): Policy {
  return { id: `deny-${tools.join("-")}`, blocking: [rule.denylist({ tools: [...tools] })] };
}

/** A human for each call of a tool. */
export function asking(name: string): Policy {
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
  const ask = rule.condition({ where: { tool: name }, then: "escalate", reason: `${name} needs a person` });
  return { id: `ask-${name}`, selector: { tools: [name] }, blocking: [ask] };
}

/** Addresses are redacted wherever they are. */
export const NO_EMAILS: Policy = {
  id: "no-emails",
  blocking: [rule.redact({ detect: ["email"], from: ["result", "response", "prompt"] })],
};

/** An address that {@link NO_EMAILS} finds. */
export const EMAIL = "bob@example.com";

/** A tool that counts how often it ran, with what. */
export function countingTool(work: (input: Record<string, unknown>) => unknown = () => "ok") {
  const runs: Record<string, unknown>[] = [];
  const made: Tool = tool({
    description: "Does it.",
    inputSchema: z.looseObject({}),
    execute: async (input: Record<string, unknown>) => {
      runs.push(input);
      return work(input);
    },
  });
  return { tool: made, runs };
}
