import type { Policy } from "../../policy/policy.ts";
import { rule } from "../../rules/rule-factory.ts";
import type { AgentRun, ApprovalAnswer } from "../adapter-driver.ts";
import type { World } from "./world.ts";

/** A policy that lets a tool run only after a human has approved. */
export function askingFor(tool: string): Policy {
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
  const blocking = [rule.condition({ where: { tool }, then: "escalate", reason: `${tool} needs a human` })];
  return { id: `ask-${tool}`, blocking };
}

/** Answers every request that waits, as the operator. */
export async function answerAll(
  world: World,
  answer: "approve" | "deny",
): Promise<readonly ApprovalAnswer[]> {
  const waiting = await world.plane.approvals.list({ status: "pending" });
  return answerThese(
    world,
    answer,
    waiting.map(({ id }) => id),
  );
}

/** Answers the requests that a run reports as pending, as the operator. */
export function answerPending(
  world: World,
  run: AgentRun,
  answer: "approve" | "deny",
): Promise<readonly ApprovalAnswer[]> {
  return answerThese(
    world,
    answer,
    run.pending.map(({ approvalId }) => approvalId),
  );
}

/** Answers some requests, as the operator. */
export async function answerThese(
  { plane }: World,
  answer: "approve" | "deny",
  approvalIds: readonly string[],
): Promise<readonly ApprovalAnswer[]> {
  await Promise.all(
    approvalIds.map(async (id) => plane.approvals[answer](id, { by: "olga", role: "operator" })),
  );
  return approvalIds.map((approvalId) => ({ approvalId, isApproved: answer === "approve" }));
}
