import type { AgentPlane } from "@agentplane/core";
import { generateText, stepCountIs, type ModelMessage, type ToolSet } from "ai";

import { govern, type GovernableSettings, type GovernedIdentity } from "../src/index.ts";
import { WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
/** Whoever acts, with the person who answers. */
export const MIRA: GovernedIdentity = { ...WHO, approver: "mira" };

/** A chat with one agent. */
export interface Chat {
  readonly plane: AgentPlane;
  readonly tools: ToolSet;
  readonly identity?: GovernedIdentity;
  readonly more?: {
    readonly toolApproval?: NonNullable<GovernableSettings["toolApproval"]>;
    readonly activeTools?: string[];
    readonly experimental_toolApprovalSecret?: string;
  };
}

/** The call that most tests ask about. */
export const PAY = { id: "c1", name: "pay", input: { amount: 5 } };

/** The model's call of `pay`, and the history the application would then have. */
export async function asked(
  chat: Chat,
  model = new ScriptedModel([{ calls: [PAY] }]),
): Promise<ModelMessage[]> {
  const messages: ModelMessage[] = [{ role: "user", content: "go" }];
  const { response } = await call(chat, messages, model);
  return [...messages, ...response.messages];
}

/** Sends a history, as the application would. */
export function call(
  { plane, tools, identity = MIRA, more = {} }: Chat,
  messages: ModelMessage[],
  model = new ScriptedModel([]),
) {
  return generateText({ ...govern(plane, identity, { model, tools, messages, ...more }), stopWhen });
}

/** The history with a person's yes to everything that was asked. */
export function answered(history: readonly ModelMessage[], approved = true): ModelMessage[] {
  const content = requestsIn(history).map(
    ({ approvalId }) => ({ type: "tool-approval-response", approvalId, approved }) as const,
  );
  return [...history, { role: "tool", content }];
}

/** The questions in a history. */
export function requestsIn(history: readonly ModelMessage[]) {
  return history
    .flatMap((message) =>
      message.role === "assistant" && typeof message.content !== "string" ? message.content : [],
    )
    .filter((part) => part.type === "tool-approval-request");
}
