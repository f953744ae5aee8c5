import { AgentplaneError } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import { listOf, recordOf } from "../protocol/json.ts";
import type { AgentsPlane } from "./agents-plane.ts";

/**
 * Whether a human approved exactly this call through the SDK. `alwaysApprove` is no answer to a question of the plane:
 * nobody has seen the call.
 */
export function isApprovedNatively(context: RunContext, toolName: string, callId: string): boolean {
  return approvedOf(context, toolName).some((approved) => listOf(approved).includes(callId));
}

/** Whether a human approved every call of a tool through the SDK. */
export function isAlwaysApproved(context: RunContext, toolName: string): boolean {
  return approvedOf(context, toolName).includes(true);
}

function approvedOf(context: RunContext, toolName: string): readonly unknown[] {
  const approvals = recordOf(recordOf(context.toJSON())?.["approvals"]);
  return Object.entries(approvals ?? {})
    .filter(([name]) => name === toolName || name.endsWith(`.${toolName}`))
    .map(([, entry]) => recordOf(entry)?.["approved"]);
}

/**
 * Passes a native approval on to the plane, which decides whether it accepts it.
 * @returns Whether the call may be put to the plane again, or why not.
 */
export async function passOn(
  { approvals }: AgentsPlane,
  approvalId: string,
  by: string,
): Promise<{ readonly isAccepted: true } | { readonly isAccepted: false; readonly message: string }> {
  try {
    await approvals.approve(approvalId, { by, role: "client" });
    return { isAccepted: true };
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_invalid") throw error;
    return { isAccepted: false, message: `Not approved: ${error.message}.` };
  }
}
